import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '#shared/store/store.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as message from '#shared/tables/message.ts';
import * as turn from '#shared/tables/turn.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { conversation, systemPrompt } from './context.ts';

let id = 0;
const said = (role: 'user' | 'assistant', text: string, turn_id = 'before'): message.Message => {
  id += 1;
  const bare = { sender: null, parts_json: null, round: 1, inbound_id: null, corrects: null };
  return { id, role, text, at: id, turn_id, ...bare };
};

test('the model sees what was said, in order, the present question last', () => {
  const history = [said('user', 'one'), said('assistant', 'two'), said('user', 'three', 'now')];
  assert.deepEqual(conversation(history, 'now'), [
    { role: 'user', content: 'one' },
    { role: 'assistant', content: 'two' },
    { role: 'user', content: 'three' },
  ]);
});

test('messages of one side that follow each other are one message', () => {
  const history = [said('user', 'one', 'now'), said('user', 'two', 'now'), said('user', 'three', 'now')];
  assert.deepEqual(conversation(history, 'now'), [{ role: 'user', content: 'one\n\ntwo\n\nthree' }]);
});

test('the user begins, whatever the history begins with', () => {
  const history = [said('assistant', 'late'), said('assistant', 'answer'), said('user', 'hello', 'now')];
  assert.deepEqual(conversation(history, 'now'), [{ role: 'user', content: 'hello' }]);
});

test("nobody's words are empty: blank messages are left out, and their neighbours of one side meet", () => {
  const history = [
    said('user', 'one'),
    said('assistant', ' \n'),
    said('user', 'two', 'now'),
    said('user', '', 'now'),
  ];
  assert.deepEqual(conversation(history, 'now'), [{ role: 'user', content: 'one\n\ntwo' }]);
  assert.deepEqual(conversation([said('user', ' ', 'now')], 'now'), []);
  assert.deepEqual(conversation([], 'now'), []);
});

test('of older messages as many go along as fit into 200,000 characters, the newest first', () => {
  const long = 'x'.repeat(100_000 - 1);
  const history = [
    said('user', 'oldest'),
    said('user', long),
    said('assistant', long),
    said('user', 'hi', 'now'),
  ];
  assert.deepEqual(
    conversation(history, 'now').map(({ content }) => content.length),
    [99_999, 99_999, 2],
  );
  history[3] = said('user', 'hi!', 'now');
  assert.deepEqual(
    conversation(history, 'now').map(({ content }) => content.length),
    [3],
    'one character more, and the older question does not fit, nor an answer without its question',
  );
});

test('what the present turn was asked is always there, however long it is', () => {
  const long = 'x'.repeat(150_000);
  const history = [said('user', 'older'), said('user', long, 'now'), said('user', long, 'now')];
  const [only, ...more] = conversation(history, 'now');
  assert.equal(only?.content.length, 300_002);
  assert.deepEqual(more, []);
});

test('the system prompt begins with the same words at any time, and tells the time where the owner is', () => {
  const [morning, evening] = [Date.UTC(2026, 10, 22, 8), Date.UTC(2026, 10, 22, 20)];
  const [first, second] = [systemPrompt(morning, 'Europe/Zurich'), systemPrompt(evening, 'Europe/Zurich')];
  assert.match(first, /It is Sunday.* 22 November 2026 at 09:00 \(Europe\/Zurich\)\.$/);
  assert.match(second, /21:00/);
  assert.equal(first.split('\n\n')[0], second.split('\n\n')[0]);
});

test('the model sees every message that its turn took, however short a history it is given', async (t) => {
  const store = await openStore({ directory: scratch(t), principal: 'core' });
  t.after(() => store.close());
  const words = Array.from({ length: 6 }, (_, n) => `word ${n}`);
  await store.commit(
    words.map((text, n) =>
      inbound.receive({
        source: 'test',
        source_key: `${n}`,
        channel: 'terminal',
        conversation: 'terminal:main',
        chat: null,
        sender: 'me',
        text,
        message_ref: null,
        payload_json: '{}',
        received_at: n,
        state: 'pending',
        note: null,
      }),
    ),
  );
  async function asked(id: string): Promise<unknown> {
    const lease = { owner: 'core-1', boot_id: 'boot', now: 10, until_at: 20 };
    const [[opened]] = await store.commit([turn.open(id, lease), inbound.take(id, 3), message.heard(id, 1)]);
    assert.ok(opened);
    const history = await store.read(message.recent('terminal:main', 2, id));
    await store.commit([turn.finish(opened, { now: 11, state: 'done', error: null })]);
    return conversation(history, id).map(({ content }) => content);
  }
  assert.deepEqual(await asked('one'), ['word 0\n\nword 1\n\nword 2']);
  assert.deepEqual(await asked('two'), ['word 3\n\nword 4\n\nword 5']);
});
