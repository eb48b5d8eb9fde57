import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Fenced, openStore } from '#shared/store/store.ts';
import type * as approval from '#shared/tables/approval.ts';
import * as inbound from '#shared/tables/inbound.ts';
import type { Query } from '#shared/tables/op.ts';
import * as permission from '#shared/tables/permission.ts';
import * as ruling from '#shared/tables/ruling.ts';
import * as taint from '#shared/tables/taint.ts';
import * as task from '#shared/tables/task.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import * as turn from '#shared/tables/turn.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { approvals, ask, expiryOf, SHORT_chars } from './approve.ts';
import type { Verdict } from './registry.ts';

const MINUTE_ms = 60_000;
const RULE = { commands: ['git push …'], hosts: ['a.example'], paths: [] };
const WANTED: Extract<Verdict, { do: 'ask' }> = {
  do: 'ask',
  scope: 'Run a command:\n    git push',
  rule: RULE,
  grants: { hosts: ['a.example'], paths: [] },
};

/** A store with a turn whose call waits, and the two lanes on it, at a time that the test sets. */
async function house(t: TestContext, channel: 'telegram' | 'terminal' = 'telegram') {
  const directory = scratch(t);
  const store = await openStore({ directory, principal: 'tools', flush: 'normal' });
  const core = await openStore({ directory, principal: 'core', flush: 'normal' });
  t.after(() => Promise.all([store.close(), core.close()]));
  let now = new Date(2026, 10, 22, 12, 0).getTime();
  const clock = { now: () => now, mono: () => now };
  const log = { info() {}, warn: assert.fail, error: assert.fail, debug() {} };
  type Look = Parameters<Parameters<typeof approvals>[0]['work']>[0];
  const works: Look[] = [];
  const shared = { owner: { quiet: '22:00-07:30' } };
  const ctx = {
    store,
    clock,
    log,
    shared,
    work: (work: Look) => void works.push(work),
  } as unknown as Parameters<typeof approvals>[0];
  approvals(ctx);
  const lease = { owner: 'o', boot_id: 'b', now, until_at: now + 1e9 };
  await core.commit([
    inbound.receive({
      source: channel,
      source_key: '1',
      channel,
      conversation: 'c',
      chat: '42',
      sender: '7',
      text: 'go on',
      message_ref: null,
      payload_json: '{}',
      received_at: now,
      state: 'pending',
      note: null,
    }),
    turn.open('turn-1', lease),
    inbound.take('turn-1', 1),
  ]);
  const wish = {
    turn_id: 'turn-1',
    round: 1,
    use_id: 'u',
    decision_id: null,
    conversation: 'c',
    channel,
    chat: '42',
  };
  const calls = async (place: number) => {
    const id = `call-${place}`;
    await core.commit([
      tool_call.ask({
        ...wish,
        id,
        place,
        sender: '7',
        tool: 'run_command',
        input_json: '{"command":"git push"}',
        now,
      }),
    ]);
    return callOf(id);
  };
  const callOf = async (id: string) => {
    const [call] = await store.read(tool_call.of(id));
    assert.ok(call);
    return call;
  };
  const read = <Row>(sql: string) => store.read({ verb: 'test', sql, args: [] } as Query<Row>);
  /** What the lanes find is done, until they find nothing. */
  const settle = async () => {
    for (const work of works) {
      for (let piece = await work.look(); piece; piece = await work.look()) await work.act(piece);
    }
  };
  return {
    ctx,
    store,
    core,
    call: await calls(0),
    calls,
    callOf,
    asked: async () => {
      const [last] = await read<approval.Approval>('SELECT * FROM approval ORDER BY rowid DESC LIMIT 1');
      assert.ok(last);
      return last;
    },
    said: () =>
      read<{ key: string; text: string; buttons_json: string | null; edits_key: string | null }>(
        'SELECT key, text, buttons_json, edits_key FROM outbound ORDER BY id',
      ),
    settle,
    due: async () => works[1]?.due?.(),
    async give(about: string, choice: string) {
      const [[row]] = await core.commit([ruling.give({ about, choice, by: '7', now })]);
      assert.ok(row);
      await settle();
      return (await store.read(ruling.of(row.id)))[0]?.outcome;
    },
    forward(ms: number) {
      now += ms;
    },
  };
}

test('a call that needs its owner is asked with its exact scope, what always would mean, and buttons', async (t) => {
  const { ctx, store, call, asked, said, callOf } = await house(t);
  await store.commit([taint.note({ turn_id: 'turn-1', source: 'web https://x.example/', at: 1 })]);
  await ask(ctx, call, WANTED);
  const { id, state, expires_at, taint: read } = await asked();
  assert.deepEqual([state, read], ['open', 'web https://x.example/']);
  assert.equal(expires_at - ctx.clock.now(), 30 * MINUTE_ms);
  assert.equal((await callOf(call.id)).state, 'asking');
  const [notice] = await said();
  assert.equal(
    notice?.text,
    'Run a command:\n    git push\n\nAlways would allow: every `git push …`, reaching a.example\n\n' +
      'Before it came to this it has read: web https://x.example/\n\nNo answer by 12:30 means no.',
  );
  assert.deepEqual(JSON.parse(notice?.buttons_json ?? ''), [
    [{ text: 'Approve once', data: `once:${id}` }],
    [{ text: 'Always for this', data: `always:${id}` }],
    [{ text: 'Deny', data: `deny:${id}` }],
  ]);
  for (const { data } of JSON.parse(notice?.buttons_json ?? '').flat())
    assert.ok(Buffer.byteLength(data) <= 64);
});

test('a page that was read is named, however many files were read before it', async (t) => {
  const { ctx, store, call, said } = await house(t);
  const sources = [...Array.from({ length: 9 }, (_, i) => `file ${i}.md`), 'web https://x.example/'];
  await store.commit(sources.map((source, at) => taint.note({ turn_id: 'turn-1', source, at })));
  await ask(ctx, call, WANTED);
  const read = /it has read: web https:\/\/x\.example\/, file 0\.md, .* file 6\.md and 2 more\n/;
  assert.match((await said())[0]?.text ?? '', read);
});

test('approved once, the call goes on with what it was granted, and nothing stays allowed', async (t) => {
  const { ctx, store, call, asked, said, callOf, give } = await house(t);
  await ask(ctx, call, WANTED);
  const { id } = await asked();
  assert.equal(await give(`approval ${id}`, 'once'), 'granted');
  const after = await callOf(call.id);
  assert.deepEqual([after.state, after.approval_id, after.attempt], ['pending', id, 0]);
  const { state, grants_json, answered_by } = await asked();
  assert.deepEqual([state, JSON.parse(grants_json ?? ''), answered_by], ['granted', WANTED.grants, '7']);
  assert.deepEqual(await store.read(permission.inForce), []);
  const [notice, over] = await said();
  assert.equal(over?.edits_key, notice?.key);
  assert.equal(over?.text, 'Run a command:\n    git push\n\n✓ Allowed once by 7 at 12:00');
});

test('it works once: a second word, or another one, comes too late', async (t) => {
  const { ctx, call, asked, give, callOf, said } = await house(t);
  await ask(ctx, call, WANTED);
  const { id } = await asked();
  assert.equal(await give(`approval ${id}`, 'deny'), 'denied');
  assert.equal(await give(`approval ${id}`, 'once'), 'too late');
  assert.equal(await give(`approval ${id}`, 'always'), 'too late');
  const { state, result_json } = await callOf(call.id);
  assert.equal(state, 'denied');
  assert.match(result_json ?? '', /The owner denied this\. Do not try/);
  assert.equal((await said()).length, 2);
});

test('always is kept, listed, and revoked', async (t) => {
  const { ctx, store, call, asked, give } = await house(t);
  await ask(ctx, call, WANTED);
  assert.equal(await give(`approval ${(await asked()).id}`, 'always'), 'granted');
  const [kept] = await store.read(permission.inForce);
  assert.deepEqual(
    [kept?.tool, JSON.parse(kept?.rule_json ?? ''), kept?.scope, kept?.given_by],
    ['run_command', RULE, 'every `git push …`, reaching a.example', '7'],
  );
  assert.equal(await give(`permission ${kept?.id}`, 'revoke'), 'revoked');
  assert.deepEqual(await store.read(permission.inForce), []);
  assert.equal(await give(`permission ${kept?.id}`, 'revoke'), 'there is no such permission in force');
  assert.equal(await give('permission x', 'revoke'), 'unknown');
});

test('what was not offered cannot be chosen', async (t) => {
  const { ctx, call, asked, give, callOf } = await house(t);
  await ask(ctx, call, { ...WANTED, rule: null });
  const { id, choices_json } = await asked();
  assert.equal(choices_json, '["once","deny"]');
  for (const choice of ['always', '0', 'granted', '']) {
    assert.equal(await give(`approval ${id}`, choice), 'not one of its choices');
  }
  assert.equal((await callOf(call.id)).state, 'asking');
});

test('unanswered is denied when its time is over, not a moment before', async (t) => {
  const { ctx, call, asked, give, settle, forward, callOf, said, due } = await house(t);
  await ask(ctx, call, WANTED);
  const { id, expires_at } = await asked();
  assert.equal(await due(), expires_at);
  forward(30 * MINUTE_ms - 1);
  await settle();
  assert.equal((await asked()).state, 'open');
  forward(1);
  assert.equal(await give(`approval ${id}`, 'once'), 'too late');
  assert.equal((await asked()).state, 'expired');
  const { state, result_json } = await callOf(call.id);
  assert.equal(state, 'denied');
  assert.match(result_json ?? '', /did not answer in time/);
  assert.match((await said()).at(-1)?.text ?? '', /✗ Not answered in time/);
  assert.equal(await due(), null);
});

test('what nobody waits for at the time is asked until two hours after the quiet, or twelve by day', () => {
  const at = (hour: number, minute = 0, day = 22) => new Date(2026, 10, day, hour, minute).getTime();
  const quiet = '22:00-07:30';
  assert.equal(expiryOf(at(23), false, quiet), at(23, 30));
  assert.equal(expiryOf(at(23), true, quiet), at(9, 30, 23), 'it is heard when the quiet ends');
  assert.equal(expiryOf(at(7, 29), true, quiet), at(9, 30));
  assert.equal(expiryOf(at(7, 30), true, quiet), at(19, 30), 'by day it waits for the evening');
  assert.equal(expiryOf(at(3), true, '00:00-11:00'), at(13), 'as quiet as its owner wants it');
  assert.equal(expiryOf(at(3), true, ''), at(15));
});

test('what a task needs is asked where it was wished, and waits for the morning', async (t) => {
  const { ctx, core, call, asked, store } = await house(t);
  const wisher = { channel: 'telegram', chat: '42', conversation: 'telegram:42/5', sender: '7' } as const;
  const check = { goal: 'g', check_kind: 'question', check_text: 'c?' } as const;
  const now = ctx.clock.now();
  const most = { budget_nanousd: 1, most_iterations: 1, until_at: now + 1e9 };
  const [[wished]] = await core.commit([task.add({ ...wisher, ...check, ...most, now })]);
  assert.ok(wished);
  await ask(ctx, { ...call, conversation: task.conversationOf(wished.id) }, WANTED);
  const { conversation, expires_at } = await asked();
  assert.equal(conversation, 'telegram:42/5');
  assert.equal(expires_at, expiryOf(now, true, '22:00-07:30'));
  const [posted] = await store.read<{ conversation: string }>({
    verb: 'test',
    sql: 'SELECT conversation FROM outbound',
    args: [],
  });
  assert.equal(posted?.conversation, 'telegram:42/5');
});

test('with the end of its turn an approval is moot, and its buttons go', async (t) => {
  const { ctx, core, call, asked, give, settle, said } = await house(t);
  await ask(ctx, call, WANTED);
  await core.commit([turn.stop('turn-1', { now: 1, error: 'stopped' })]);
  assert.equal(await give(`approval ${(await asked()).id}`, 'once'), 'too late');
  await settle();
  assert.equal((await asked()).state, 'moot');
  assert.match((await said()).at(-1)?.text ?? '', /No longer needed/);
  await assert.rejects(
    () => ask(ctx, { ...call, id: 'call-0' }, WANTED),
    Fenced,
    'nor is anything new asked',
  );
});

test('in the terminal the text says how to answer, and the end of an id is enough', async (t) => {
  const { ctx, call, asked, said, give, calls } = await house(t, 'terminal');
  await ask(ctx, call, WANTED);
  const { id } = await asked();
  const short = id.slice(-SHORT_chars);
  const [notice] = await said();
  assert.equal(notice?.buttons_json, null);
  assert.match(
    notice?.text ?? '',
    new RegExp(`/approve ${short} once\\|always\\|deny .*scripts/vigil approve ${short} `),
  );
  await ask(ctx, await calls(1), WANTED);
  assert.equal(
    await give(`approval ${short.slice(1)}`, 'once'),
    'too late',
    'less than is shown is not enough',
  );
  assert.equal(await give(`approval ${short}`, 'once'), 'granted');
});

test("the model's own question is answered by a choice, which is the call's result", async (t) => {
  const { ctx, call, asked, said, give, callOf } = await house(t);
  await ask(ctx, call, { do: 'question', question: 'Which one?', choices: ['the red', 'the blue'] });
  const { id } = await asked();
  const [notice] = await said();
  assert.deepEqual(JSON.parse(notice?.buttons_json ?? ''), [
    [{ text: 'the red', data: `answer:${id}:0` }],
    [{ text: 'the blue', data: `answer:${id}:1` }],
  ]);
  assert.equal(await give(`approval ${id}`, '2'), 'not one of its choices');
  assert.equal(await give(`approval ${id}`, 'once'), 'not one of its choices');
  assert.equal(await give(`approval ${id}`, '1'), 'answered');
  const { state, result_json } = await callOf(call.id);
  assert.deepEqual([state, result_json], ['done', '[{"type":"text","text":"The owner chose: the blue"}]']);
  assert.equal((await said()).at(-1)?.text, 'Which one?\n\n→ the blue');
});

test('of an answer and a /stop at the same moment one wins, whichever, and nothing is half done', async (t) => {
  const { ctx, core, call, asked, settle, callOf } = await house(t);
  await ask(ctx, call, WANTED);
  const about = `approval ${(await asked()).id}`;
  const [, [[given]]] = await Promise.all([
    core.commit([turn.stop('turn-1', { now: 1, error: 'stopped' })]),
    core.commit([ruling.give({ about, choice: 'once', by: '7', now: 1 })]),
  ]);
  await settle();
  const outcome = (await ctx.store.read(ruling.of(given?.id ?? 0)))[0]?.outcome;
  const states = [(await asked()).state, (await callOf(call.id)).state, outcome].join();
  assert.ok(['granted,pending,granted', 'moot,asking,too late'].includes(states), states);
  await until('nothing is left to do', async () => (await ctx.store.read(ruling.next)).length === 0);
});
