/** The local chat, said and answered through a real store. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { uuid } from '#shared/base/ids.ts';
import { haltedBecause } from '#shared/runtime/halt.ts';
import * as approval from '#shared/tables/approval.ts';
import * as draft from '#shared/tables/draft.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as message from '#shared/tables/message.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as press from '#shared/tables/press.ts';
import * as turn from '#shared/tables/turn.ts';
import { until } from '#shared/testing/scratch.ts';
import { visitTo } from '#shared/testing/visit.ts';
import { config } from '../config.ts';
import { chat, merged } from './chat.ts';

const CONVERSATION = 'terminal:console';

async function talk(t: TestContext) {
  const visiting = await visitTo(t, config);
  const core = await visiting.as('core');
  const text = async (query = '') => {
    const { body } = await chat.show({ ...visiting.visit, query: new URLSearchParams(query) });
    return String(await body);
  };
  const act = (name: 'say' | 'press', fields: Record<string, string>) => {
    const done = chat.actions?.[name]?.(visiting.visit, new Map(Object.entries(fields)));
    assert.ok(done);
    return done;
  };
  const say = async (words: string) => {
    const seen = /name="seen" form="say" value="([^"]*)"/.exec(await text())?.[1] ?? '';
    return act('say', { text: words, seen });
  };
  const lease = { owner: 'o', boot_id: 'b', now: Date.now(), until_at: Date.now() + 60_000 };
  /** core takes what waits. */
  const take = async (): Promise<turn.Turn> => {
    const id = uuid(Date.now());
    const [[mine]] = await core.commit([turn.open(id, lease), inbound.take(id, 10)]);
    assert.ok(mine);
    await core.commit([message.heard(id, 1, [])]);
    return mine;
  };
  const answer = async (mine: turn.Turn, words: string) => {
    const now = Date.now();
    await core.commit([
      message.said({ conversation: CONVERSATION, text: words, at: now, turn_id: mine.id }),
      turn.finish(mine, { now, state: 'done', error: null }),
      inbound.close(mine.id, 'answered'),
      draft.close(mine.id, now),
      outbound.post({
        key: `reply:${mine.id}`,
        channel: 'terminal',
        conversation: CONVERSATION,
        chat: null,
        kind: 'reply',
        turn_id: mine.id,
        text: words,
        format: 'markdown',
        message_ref: null,
        now,
      }),
    ]);
  };
  return { ...visiting, core, text, act, say, take, answer };
}

test('what is said waits, is thought about, is seen while it is written, and is answered', async (t) => {
  const { say, take, text, core, answer } = await talk(t);
  assert.match(await text(), /Say something, or \/help/);
  assert.deepEqual(await say('<b>hello</b>\nthere'), { say: 'Said.' });
  assert.match(
    await text(),
    /waits<\/span><\/p><p class="words" dir="auto">&lt;b&gt;hello&lt;\/b&gt;\nthere/,
  );
  const mine = await take();
  assert.deepEqual(
    [mine.conversation, mine.channel, mine.sender],
    [CONVERSATION, 'terminal', 'console AAAAAA'],
    'the owner sits there, and is the owner everywhere',
  );
  assert.match(await text(), /is thinking/);
  await core.commit([
    draft.write({
      turn_id: mine.id,
      conversation: CONVERSATION,
      channel: 'terminal',
      chat: null,
      message_ref: null,
      text: 'Half of **an',
      status: 'Running: ls <script>',
      now: Date.now(),
    }),
  ]);
  assert.match(await text(), /aria-busy="true".*Running: ls &lt;script&gt;.*<p>Half of \*\*an<\/p>/s);
  await answer(mine, 'Whole **answer**');
  const page = await text();
  assert.match(page, /You .*hello.*Vigil .*<p>Whole <strong>answer<\/strong><\/p>/s);
  assert.doesNotMatch(page, /aria-busy|waits/);
  assert.match(page, new RegExp(`decision/${mine.id}">Why`));
});

test('a form that is sent twice says it once, and the same words later are said again', async (t) => {
  const { say, act, take, answer, core } = await talk(t);
  await act('say', { text: 'yes', seen: '0.0' });
  assert.deepEqual(await act('say', { text: 'yes', seen: '0.0' }), { say: 'That was said already.' });
  assert.equal((await core.read(inbound.pendingIn(CONVERSATION))).length, 1);
  await answer(await take(), 'Fine.');
  assert.deepEqual(await say('yes'), { say: 'Said.' });
});

test('/halt and /resume work while nobody else is there, and stand in the chat', async (t) => {
  const { say, text, visit } = await talk(t);
  assert.deepEqual(await say('/halt it <b>runs</b> wild'), { say: 'All is halted. /resume goes on.' });
  assert.match(haltedBecause(visit.ctx.home.halted) ?? '', /console AAAAAA: it <b>runs<\/b> wild$/);
  assert.match((await say('/status')).say, /^All is halted: .*The overview tells the rest\.$/);
  assert.deepEqual(await say('/resume'), { say: 'We go on.' });
  assert.equal(haltedBecause(visit.ctx.home.halted), null);
  const page = await text();
  assert.match(page, /\/halt it &lt;b&gt;runs&lt;\/b&gt; wild\n\nAll is halted/);
});

test('other commands and the buttons go to core, and what came of them is told', async (t) => {
  const { say, act, core, text } = await talk(t);
  const handled = async (data: string, outcome: string, tell: string | null) => {
    const [one] = await until('it is pressed', async () => {
      const rows = await core.read(press.next);
      return rows.length > 0 && rows;
    });
    assert.ok(one);
    assert.deepEqual([one.data, one.conversation, one.owner], [data, CONVERSATION, 1]);
    const now = Date.now();
    await core.commit([
      press.handled(one.id, outcome, now),
      ...(tell === null
        ? []
        : [
            outbound.post({
              key: `press:${one.id}`,
              channel: 'terminal',
              conversation: CONVERSATION,
              chat: null,
              kind: 'notice',
              turn_id: null,
              text: tell,
              message_ref: null,
              now,
            }),
          ]),
    ]);
  };
  const [cost] = await Promise.all([say('/cost'), handled('/cost', 'told', 'Today: $0.10')]);
  assert.deepEqual(cost, { say: 'Told.' });
  assert.match(await text(), /to <code>\/cost<\/code>.*Today: \$0\.10/s);
  const button = `good:${uuid(1)}`;
  const [good] = await Promise.all([act('press', { data: button }), handled(button, 'good', null)]);
  assert.deepEqual(good, { say: 'Good.' });
  const [late] = await Promise.all([
    act('press', { data: '/stop' }),
    handled('/stop', 'nothing to stop', null),
  ]);
  assert.equal(late.refused, true);
  for (const data of ['raise:x', 'once:x', `good:${'x'.repeat(36)}`, '/halt']) {
    assert.deepEqual(await act('press', { data }), { say: 'There is no such button.', refused: true }, data);
  }
});

test('what waits for the owner is asked where they talk', async (t) => {
  const { as, text, take, say } = await talk(t);
  await say('push it');
  const mine = await take();
  const tools = await as('tools');
  const wish = (conversation: string, scope: string): approval.Wish => ({
    id: uuid(Date.now()),
    call_id: 'c',
    turn_id: mine.id,
    conversation,
    kind: 'approval',
    tool: 'run_command',
    scope,
    rule_json: null,
    grants_json: null,
    choices_json: '["once","deny"]',
    taint: null,
    asked_at: 1,
    expires_at: 2,
  });
  await tools.commit([
    approval.ask(wish(CONVERSATION, 'git push')),
    approval.ask(wish('telegram:7', 'elsewhere')),
  ]);
  const page = await text();
  assert.match(page, /git push.*name="from" value="chat".*Allow once/s);
  assert.doesNotMatch(page, /elsewhere/);
});

test('every line is on one page of the history, in its order, whatever the clock has done', async (t) => {
  const { core, text } = await talk(t);
  const line = (n: number) => {
    // In the middle the clock is set back.
    const at = 1_000_000 + n * 1000 - (n > 70 ? 50_000 : 0);
    return n % 3 === 0
      ? {
          verb: 'test',
          sql: `INSERT INTO message (conversation, role, text, at, turn_id, trust) VALUES (?, 'user', ?, ?, 't', 3)`,
          args: [CONVERSATION, `line ${n}.`, at],
        }
      : outbound.post({
          key: `k${n}`,
          channel: 'terminal',
          conversation: CONVERSATION,
          chat: null,
          kind: n % 3 === 1 ? 'reply' : 'notice',
          turn_id: null,
          text: `line ${n}.`,
          message_ref: null,
          now: at,
        });
  };
  await core.commit(Array.from({ length: 150 }, (_, n) => line(n)));
  const seen: number[][] = [];
  for (let query: string | undefined = ''; query !== undefined; ) {
    const page: string = await text(query);
    seen.unshift([...page.matchAll(/line (\d+)\./g)].map(([, n]) => Number(n)));
    query = /\?([^"]*)" rel="next"/.exec(page)?.[1];
    assert.ok(seen.length < 10, 'the history ends');
  }
  const all = seen.flat();
  assert.deepEqual(
    all.toSorted((a, b) => a - b),
    Array.from({ length: 150 }, (_, n) => n),
  );
  for (const side of [(n: number) => n % 3 === 0, (n: number) => n % 3 !== 0]) {
    const own = all.filter(side);
    assert.deepEqual(
      own,
      own.toSorted((a, b) => a - b),
      'each side in its own order',
    );
  }
});

test('two sides that are empty make an empty chat', () => {
  assert.deepEqual(merged([], []), []);
});
