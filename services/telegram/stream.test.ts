import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Api } from 'grammy/web';
import { httpFetch } from '#shared/base/fetch.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openStore } from '#shared/store/store.ts';
import * as draft from '#shared/tables/draft.ts';
import * as inbound from '#shared/tables/inbound.ts';
import type { Op } from '#shared/tables/op.ts';
import * as outbound from '#shared/tables/outbound.ts';
import type { Preview } from '#shared/tables/preview.ts';
import { startBotApi } from '#shared/testing/bot-api.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { claim, deliver } from './deliver.ts';
import { openLanes } from './lane.ts';
import { recordCalls } from './record.ts';
import { send } from './send.ts';
import { stream } from './stream.ts';
import { typist } from './typing.ts';

const token = '7000001:test';

/** The sending half of the bridge over a real store, beside the core that it serves, at a clock of the test's own. */
async function bridge(t: TestContext) {
  const bot = await startBotApi({ token });
  t.after(() => bot.close());
  const directory = scratch(t);
  const store = await openStore({ directory, principal: 'telegram' });
  t.after(() => store.close());
  const core = await openStore({ directory, principal: 'core' });
  t.after(() => core.close());
  let now = 1_000_000;
  const quiet = () => {};
  let lives = 0;
  /** As a process that has just started: it knows what the store knows. */
  const start = () => {
    lives += 1;
    const ctx = {
      instance: `telegram-${lives}`,
      store,
      clock: { now: () => now, mono: () => now },
      shared: { owner: { quiet: '' } },
      persist: (ops: readonly Op[]) => store.commit(ops),
      log: { info: quiet, warn: quiet, error: quiet },
    } as unknown as Context<unknown>;
    const api = new Api(token, { apiRoot: bot.root, fetch: httpFetch(), timeoutSeconds: 5 });
    recordCalls(ctx, api, bot.root);
    const inLane = openLanes();
    return { ctx, api, inLane, shows: stream(ctx, api, inLane), type: typist(ctx, api) };
  };
  let alive = start();
  await bot.say({ chat_id: 7, text: 'hello' });

  return {
    bot,
    directory,
    core,
    pass: (ms: number) => {
      now += ms;
    },
    async kill() {
      alive = start();
      await store.commit([outbound.adopt(alive.ctx.instance, now)]);
    },
    async hear(text: string) {
      const { message_id } = await bot.say({ chat_id: 7, text });
      const message_ref = String(message_id);
      await store.commit([
        inbound.receive({
          source: 'test',
          source_key: message_ref,
          channel: 'telegram',
          conversation: 'telegram:7',
          chat: '7',
          sender: '7',
          text,
          message_ref,
          payload_json: '{}',
          received_at: now,
          state: 'pending',
          note: null,
        }),
      ]);
    },
    write: (text: string, more: Partial<draft.Draft> = {}) =>
      core.commit([
        draft.write({
          turn_id: 't1',
          conversation: 'telegram:7',
          channel: 'telegram',
          chat: '7',
          message_ref: '1',
          text,
          status: null,
          ...more,
          now: ++now,
        }),
      ]),
    end: (text: string | null) =>
      core.commit([
        draft.close('t1', ++now),
        ...(text === null ? [] : [outbound.post({ ...answer, text, now })]),
      ]),
    post: (more: Partial<outbound.Post>) => core.commit([outbound.post({ ...answer, now, ...more })]),
    /** All previews that may be shown now; says how many it looked at. */
    async show() {
      let shown = 0;
      for (;;) {
        const next = await alive.shows.look();
        if (!next) return shown;
        await alive.shows.act(next);
        shown += 1;
      }
    },
    due: async () => {
      const due = await alive.shows.due();
      return due === null ? null : due - now;
    },
    async deliver() {
      for (;;) {
        const claimed = await claim(alive.ctx);
        if (!claimed) return;
        await deliver(alive.ctx, alive.api, claimed, alive.inLane);
      }
    },
    claim: () => claim(alive.ctx),
    type: () => alive.type(),
    async preview() {
      const [row] = await store.read<Preview>({ verb: 'test', sql: 'SELECT * FROM preview', args: [] });
      return row;
    },
    read: <Row>(sql: string) => store.read<Row>({ verb: 'test', sql, args: [] }),
    /** The messages of ours that stand in the chat, as it shows them. */
    async chat() {
      const now_shown = new Map<number, { text: string; buttons: string[] }>();
      for (const { message_id, text, message } of await bot.sent()) {
        const buttons = message.reply_markup?.inline_keyboard.flat() ?? [];
        now_shown.set(message_id, {
          text,
          buttons: buttons.map((button) => ('callback_data' in button ? button.callback_data : '')),
        });
      }
      return [...now_shown.values()];
    },
  };
}

const answer: outbound.Post = {
  key: 'reply:t1',
  channel: 'telegram',
  conversation: 'telegram:7',
  chat: '7',
  kind: 'reply',
  turn_id: 't1',
  text: '',
  message_ref: '1',
  format: 'markdown',
  buttons: [[{ text: '👍', data: 'good:t1' }]],
  now: 0,
};
const stop = ['stop:t1'];
const good = ['good:t1'];

test('an answer grows in one message, and its end takes that message', async (t) => {
  const it = await bridge(t);
  await it.write('Hel');
  assert.equal(await it.show(), 0, 'not before a second');
  it.pass(999);
  assert.equal(await it.show(), 0);
  it.pass(1);
  await it.show();
  assert.deepEqual(await it.chat(), [{ text: 'Hel', buttons: stop }]);
  await it.write('Hello **w', { status: 'Running: ls' });
  assert.equal(await it.show(), 0, 'not twice within a second');
  assert.equal(await it.due(), 999);
  it.pass(999);
  await it.show();
  assert.deepEqual(await it.chat(), [{ text: 'Hello **w\n\nRunning: ls', buttons: stop }]);
  await it.end('Hello **world**');
  await it.deliver();
  assert.deepEqual(await it.chat(), [{ text: 'Hello world', buttons: good }]);
  it.pass(5000);
  assert.deepEqual([await it.show(), await it.due()], [0, null]);
  assert.equal((await it.preview())?.state, 'replaced');
});

test('every call is a row that names what it was for, and never the token', async (t) => {
  const it = await bridge(t);
  await it.bot.fault({ kind: 'drop_before', method: 'sendMessage', times: 1 });
  await it.end('hello');
  await it.deliver();
  it.pass(600);
  await it.deliver();
  await it.core.commit([]);
  const rows = async () =>
    it.read<{ action: string; payload: string; status: string; target: string }>(
      'SELECT * FROM external_call',
    );
  for (let i = 0; i < 100 && (await rows()).length < 3; i++) await new Promise(setImmediate);
  const calls = await rows();
  assert.deepEqual(
    calls.map(({ action, payload, status }) => `${action} ${payload} ${status}`),
    ['sendMessage outbound 1 ECONNRESET', 'getMe outbound 1 ok', 'sendMessage outbound 1 ok'],
  );
  assert.ok(!JSON.stringify(calls).includes('test'));
});

test('a bridge that dies between the answer and its note of it shows one answer', async (t) => {
  const it = await bridge(t);
  await it.write('Hel');
  it.pass(1000);
  await it.show();
  await it.end('Hello');
  await it.bot.fault({ kind: 'drop_after', method: 'editMessageText', times: 1 });
  await it.deliver();
  await it.kill();
  it.pass(1000);
  await it.deliver();
  assert.deepEqual(await it.chat(), [{ text: 'Hello', buttons: good }]);
  const [row] = await it.read<outbound.Outbound>('SELECT * FROM outbound');
  assert.deepEqual(
    [row?.state, row?.uncertain],
    ['sent', 0],
    'an edit is not in doubt: it can be made twice',
  );
});

test('a bridge that dies before the answer leaves, or in between two parts, shows each part once', async (t) => {
  const it = await bridge(t);
  await it.write('x');
  it.pass(1000);
  await it.show();
  await it.end(`${'a'.repeat(4000)}\n\n${'b'.repeat(4000)}`);
  assert.ok(await it.claim());
  await it.kill();
  await it.deliver();
  assert.deepEqual(
    (await it.chat()).map(({ text, buttons }) => [text[0], buttons]),
    [
      ['a', []],
      ['b', good],
    ],
  );
});

for (const [arrived, kind] of [
  [true, 'drop_after'],
  [false, 'drop_before'],
] as const) {
  test(`a preview of which nobody knows whether it arrived, and it did${arrived ? '' : ' not'}, makes no second one`, async (t) => {
    const it = await bridge(t);
    await it.bot.fault({ kind, method: 'sendMessage', times: 1 });
    await it.write('Hel');
    it.pass(1000);
    await it.show();
    assert.equal((await it.preview())?.state, 'sending');
    await it.kill();
    await it.write('Hello w');
    it.pass(1000);
    await it.show();
    const found = await it.preview();
    assert.deepEqual([found?.state, found?.uncertain], [arrived ? 'shown' : 'lost', 1]);
    await it.end('Hello world');
    it.pass(2000);
    await it.deliver();
    assert.deepEqual(await it.chat(), [{ text: 'Hello world', buttons: good }]);
  });
}

for (const [name, words] of [
  ['the answer itself looks for a preview that was lost by a kill', 0],
  ['a preview that was lost behind many words of the chat is found', 20],
] as const) {
  test(name, async (t) => {
    const it = await bridge(t);
    for (let n = 0; n < words; n++) await it.hear(`and ${n}`);
    await it.bot.fault({ kind: 'drop_after', method: 'sendMessage', times: 1 });
    await it.write('Hel');
    it.pass(1000);
    await it.show();
    await it.kill();
    await it.end('Hello');
    await it.deliver();
    assert.deepEqual(await it.chat(), [{ text: 'Hello', buttons: good }]);
  });
}

test('a preview that somebody deleted is no reason to be silent', async (t) => {
  const it = await bridge(t);
  await it.write('Hel');
  it.pass(1000);
  await it.show();
  const [shown] = await it.bot.sent();
  await new Api(token, { apiRoot: it.bot.root, fetch: httpFetch() }).deleteMessage(7, shown?.message_id ?? 0);
  await it.end('Hello');
  await it.deliver();
  assert.deepEqual(
    (await it.bot.sent()).map(({ method, text }) => [method, text]),
    [
      ['sendMessage', 'Hel'],
      ['sendMessage', 'Hello'],
    ],
  );
});

test('what was stopped keeps its text and loses its button; what goes on later goes on in the same message', async (t) => {
  const it = await bridge(t);
  await it.write('Half', { status: 'Running: ls' });
  it.pass(1000);
  await it.show();
  await it.end(null);
  it.pass(1000);
  await it.show();
  assert.deepEqual(await it.chat(), [{ text: 'Half', buttons: [] }]);
  await it.write('Half and more');
  it.pass(1000);
  await it.show();
  assert.deepEqual(await it.chat(), [{ text: 'Half and more', buttons: stop }]);
});

test('when Telegram asks for silence the preview keeps it, and is slower from then on', async (t) => {
  const it = await bridge(t);
  await it.write('one');
  it.pass(1000);
  await it.bot.fault({ kind: 'too_many_requests', retry_after_s: 7, method: 'sendMessage', times: 1 });
  await it.show();
  assert.equal(await it.due(), 7000);
  it.pass(6999);
  assert.equal(await it.show(), 0);
  it.pass(1);
  await it.show();
  await it.write('two');
  assert.equal(await it.due(), 1999);
});

test('while other messages wait for the chat the preview stands still', async (t) => {
  const it = await bridge(t);
  await it.write('one');
  it.pass(1000);
  await it.post({ key: 'q', kind: 'notice', text: 'May I?' });
  assert.equal(await it.show(), 0);
  await it.deliver();
  await it.show();
  assert.deepEqual(
    (await it.chat()).map(({ text }) => text),
    ['May I?', 'one'],
  );
});

test('an edit takes the place of its message, the last of many alone, and one that changes nothing is done', async (t) => {
  const it = await bridge(t);
  await it.post({ key: 'ask', kind: 'notice', text: 'Allow?' });
  await it.deliver();
  for (const text of ['Asked.', 'Allowed.']) {
    await it.post({ key: text, kind: 'notice', text, edits_key: 'ask', buttons: [] });
  }
  await it.deliver();
  assert.deepEqual(await it.chat(), [{ text: 'Allowed.', buttons: [] }]);
  assert.equal((await it.bot.calls({ method: 'editMessageText' })).length, 1);
  await it.post({ key: 'again', kind: 'notice', text: 'Allowed.', edits_key: 'ask', buttons: [] });
  await it.deliver();
  const rows = await it.read<outbound.Outbound>(`SELECT * FROM outbound WHERE state <> 'sent'`);
  assert.deepEqual([await it.chat(), rows], [[{ text: 'Allowed.', buttons: [] }], []]);
});

test('a message answers the one it is about, in its topic, and goes without a topic that is gone', async (t) => {
  const it = await bridge(t);
  await it.bot.say({ chat_id: -5, from: { id: 42 }, text: 'hi', more: { message_thread_id: 3 } });
  const group = { chat: '-5', kind: 'notice', message_ref: '1' } as const;
  await it.post({ ...group, key: 'a', text: 'a', conversation: 'telegram:-5/3/u42' });
  await it.post({ ...group, key: 'b', text: 'b', conversation: 'telegram:-5/9' });
  await it.deliver();
  const sent = await it.bot.sent({ chat_id: -5 });
  assert.deepEqual(
    sent.map(({ message }) => [message.message_thread_id, message.reply_to_message?.message_id]),
    [
      [3, 1],
      [undefined, 1],
    ],
  );
});

test('a file goes with its words below it; one that is gone or too large is told', async (t) => {
  const it = await bridge(t);
  const path = join(it.directory, 'a "b".txt');
  writeFileSync(path, 'content');
  const file = { path, name: 'a "b".txt', kind: 'document' } as const;
  await it.post({ key: 'f', text: '**look**', file });
  await it.post({ key: 'g', text: 'x'.repeat(1025), file });
  await it.post({ key: 'h', text: '', file: { ...file, path: `${path}.gone` } });
  const large = join(it.directory, 'large');
  writeFileSync(large, Buffer.alloc(50 * 2 ** 20 + 1));
  await it.post({ key: 'i', text: 'big', file: { ...file, path: large, name: 'large' } });
  const picture = join(it.directory, 'p.png');
  writeFileSync(picture, Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'));
  await it.post({ key: 'j', text: 'picture', file: { path: picture, name: 'p.png', kind: 'photo' } });
  await it.deliver();
  const sent = await it.bot.sent();
  assert.deepEqual(
    sent.map(({ method, text, message }) => [method, message.document?.file_name ?? null, text.slice(0, 60)]),
    [
      ['sendDocument', 'a _b_.txt', 'look'],
      ['sendDocument', 'a _b_.txt', ''],
      ['sendMessage', null, 'x'.repeat(60)],
      ['sendMessage', null, 'The file a "b".txt is no longer there'],
      ['sendMessage', null, 'big\n\nThe file large is too large for Telegram: 51 MB, of 50 '],
      ['sendPhoto', null, 'picture'],
    ],
  );
});

test('what Telegram refuses about entities goes as plain text, once', async () => {
  const heard: [string, unknown][] = [];
  const api = {
    sendMessage: async (_: string, text: string, { entities }: { entities: unknown[] }) => {
      heard.push([text, entities]);
      if (entities.length > 0)
        throw { error_code: 400, description: "Bad Request: can't parse MessageEntity: no" };
      return { message_id: 3 };
    },
  } as unknown as Api;
  const place = { chat: '7', thread: null, reply_to: null, buttons: null };
  const entities = [{ type: 'bold', offset: 0, length: 4 }] as const;
  assert.equal(await send(api, place, { is: 'text', text: 'bold', entities }), 3);
  assert.deepEqual(heard, [
    ['bold', entities],
    ['bold', []],
  ]);
});

test('an answer that is too long to read is its beginning, and a file', async (t) => {
  const it = await bridge(t);
  await it.end(`${'word '.repeat(700)}\n\n`.repeat(5));
  await it.deliver();
  const [head, file, ...rest] = await it.bot.sent();
  assert.match(head?.text ?? '', /in the file/);
  assert.deepEqual(
    [file?.message.document?.file_name, file?.message.reply_markup?.inline_keyboard.length, rest.length],
    ['answer-1.md', 1, 0],
  );
});

test('a chat sees that somebody types while its turn shows nothing, every four seconds, and not in a silence', async (t) => {
  const it = await bridge(t);
  const typing = async () => (await it.bot.calls({ method: 'sendChatAction' })).length;
  await it.core.commit([
    {
      verb: 'test',
      sql: `INSERT INTO turn (id, conversation, channel, chat, state, attempt, due_at, changed_at, owner, boot_id,
              lease_until_at, created_at) VALUES ('t1', 'telegram:7', 'telegram', '7', 'running', 1, 1, 1, '', '', 1, 1)`,
      args: [],
    },
  ]);
  await it.type();
  await until('it is said', async () => (await typing()) === 1);
  it.pass(3999);
  await it.type();
  it.pass(1);
  await it.bot.fault({ kind: 'too_many_requests', retry_after_s: 60, method: 'sendChatAction', times: 1 });
  await it.type();
  await until('the silence is kept', async () => (await it.read('SELECT * FROM chat')).length === 1);
  assert.equal(await typing(), 2);
  it.pass(59_999);
  await it.type();
  it.pass(1);
  await it.type();
  await until('it is said again', async () => (await typing()) === 3);
  await it.write('Hel');
  await it.show();
  it.pass(4000);
  await it.type();
  assert.equal((await it.chat()).length, 1);
  assert.equal(await typing(), 3, 'who reads needs no sign');
});
