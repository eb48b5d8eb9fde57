/** What waits for a yes, as its owner sees it and answers it here, or somewhere else first. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { uuid } from '#shared/base/ids.ts';
import type { Store } from '#shared/store/store.ts';
import * as approval from '#shared/tables/approval.ts';
import * as permission from '#shared/tables/permission.ts';
import * as ruling from '#shared/tables/ruling.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import { until } from '#shared/testing/scratch.ts';
import { visitTo } from '#shared/testing/visit.ts';
import { config } from '../config.ts';
import { approvals } from './approvals.ts';

const NOW = Date.now();
const TURN = uuid(NOW);

async function asked(
  t: TestContext,
  more: Partial<approval.Wish> = {},
  input: unknown = { command: 'git push' },
) {
  const visiting = await visitTo(t, config);
  const [core, tools] = [await visiting.as('core'), await visiting.as('tools')];
  const call_id = uuid(NOW);
  const wish: approval.Wish = {
    id: uuid(NOW),
    call_id,
    turn_id: TURN,
    conversation: 'telegram:7',
    kind: 'approval',
    tool: 'run_command',
    scope: 'Run a command:\n    git push\nIt may reach: github.com',
    rule_json: '{"commands":["git push"],"hosts":["github.com"],"paths":[]}',
    grants_json: null,
    choices_json: '["once","always","deny"]',
    taint: null,
    asked_at: NOW,
    expires_at: NOW + 3_600_000,
    ...more,
  };
  await core.commit([
    tool_call.ask({
      id: call_id,
      turn_id: TURN,
      round: 1,
      place: 0,
      use_id: 'u',
      decision_id: null,
      conversation: 'telegram:7',
      channel: 'telegram',
      chat: '7',
      sender: '7',
      tool: 'run_command',
      input_json: JSON.stringify(input),
      now: NOW,
    }),
  ]);
  await tools.commit([approval.ask(wish)]);
  const text = async (query = '') => {
    const { body } = await approvals.show({ ...visiting.visit, query: new URLSearchParams(query) });
    return String(await body);
  };
  const answer = (choice: string, fields: Record<string, string> = {}) => {
    const done = approvals.actions?.answer?.(
      visiting.visit,
      new Map(Object.entries({ id: wish.id, choice, ...fields })),
    );
    assert.ok(done);
    return done;
  };
  return { ...visiting, wish, tools, text, answer };
}

/** As `tools` does: the first ruling of an open approval counts. */
async function ruleOnce(tools: Store): Promise<void> {
  const [given] = await until('a ruling is given', async () => {
    const rows = await tools.read(ruling.next);
    return rows.length > 0 && rows;
  });
  assert.ok(given);
  const id = given.about.replace('approval ', '');
  const [open] = await tools.read(approval.called(id));
  const state = given.choice === 'deny' ? 'denied' : 'granted';
  await tools.commit([
    ...(open ? [approval.close(id, { state, choice: given.choice, by: given.given_by, now: NOW + 5 })] : []),
    ruling.handled(given.id, open ? state : 'too late', NOW + 5),
  ]);
}

test('all that a call would do is shown, with whose words led to it, who asks, and until when', async (t) => {
  const { text } = await asked(t, { taint: 'web https://evil.example\nfile notes.txt' });
  const page = await text();
  for (const part of [
    /Run a command:\n {4}git push\nIt may reach: github\.com/,
    /commands: git push<br>hosts: github\.com<br>/,
    /has read words of strangers/,
    /web https:\/\/evil\.example<br>file notes\.txt/,
    /7, in telegram:7/,
    /&quot;command&quot;: &quot;git push&quot;/,
    />Allow once<.*>Always for this<.*>Deny</s,
    new RegExp(`decision/${TURN}`),
    new RegExp(`datetime="${new Date(NOW + 3_600_000).toISOString()}"`),
  ])
    assert.match(page, part);
});

test('what a command hides is seen, all of it, and nothing of it is markup', async (t) => {
  const scope = `Run a command:\n    rm \u202Egpj.x\u200b <script>x</script>\u001b[2K ${'z'.repeat(3000)} the end`;
  const { text } = await asked(t, { scope, rule_json: null, choices_json: '["once","deny"]' });
  const page = await text();
  assert.match(
    page,
    /rm \[U\+202E\]gpj\.x\[U\+200B\] &lt;script&gt;x&lt;\/script&gt;\[U\+001B\]\[2K z{3000} the end/,
  );
  assert.doesNotMatch(page, /<script|Always for this/);
});

test('a yes is given once, in the name of whoever is in, and then stands in the history', async (t) => {
  const { answer, tools, text, wish } = await asked(t);
  const [done] = await Promise.all([answer('once'), ruleOnce(tools)]);
  assert.deepEqual(done, { say: 'Granted.', to: 'approvals', subject: `approval ${wish.id}` });
  const page = await text();
  assert.match(page, /Nothing waits for your word/);
  assert.match(page, /<span class="pill good">granted<\/span> once.*console AAAAAA/s);
});

test('whoever answers second is told who was first', async (t) => {
  const { answer, tools, wish } = await asked(t);
  const closed = { state: 'denied', choice: 'deny', by: '4242', now: NOW + 1 } as const;
  await tools.commit([approval.close(wish.id, closed)]);
  const late = await answer('once', { from: 'chat' });
  assert.deepEqual(late, {
    say: 'It was answered elsewhere first: denied, deny, by 4242.',
    refused: true,
    to: 'chat',
  });
  assert.equal((await tools.read(ruling.next)).length, 0, 'nothing is ruled any more');
});

test('an answer that loses the race to another one says so too', async (t) => {
  const { answer, tools, wish } = await asked(t);
  const closed = { state: 'granted', choice: 'always', by: '4242', now: NOW + 1 } as const;
  const done = answer('deny');
  await until('the ruling waits', async () => (await tools.read(ruling.next)).length > 0);
  await tools.commit([approval.close(wish.id, closed)]);
  await ruleOnce(tools);
  assert.match((await done).say, /answered elsewhere first: granted, always, by 4242/);
  assert.equal((await done).refused, true);
});

test('a question bears its own choices, and is answered by their number', async (t) => {
  const { answer, tools, text } = await asked(t, {
    kind: 'question',
    scope: 'Which train?',
    rule_json: null,
    choices_json: '["the 9:03","<b>the 10:03</b>"]',
  });
  assert.match(await text(), /name="choice" value="1">.*&lt;b&gt;the 10:03&lt;\/b&gt;/s);
  const done = answer('1');
  const [given] = await until('it is ruled', async () => {
    const rows = await tools.read(ruling.next);
    return rows.length > 0 && rows;
  });
  assert.equal(given?.choice, '1');
  await tools.commit([ruling.handled(given?.id ?? 0, 'answered', NOW)]);
  assert.equal((await done).say, 'Answered.');
});

test('what is always allowed is listed, and taken back', async (t) => {
  const { tools, text, visit } = await asked(t);
  await tools.commit([
    permission.give({
      tool: 'run_command',
      rule_json: '{}',
      scope: 'git push',
      given_by: '7',
      given_at: NOW,
    }),
  ]);
  assert.match(await text(), /aria-label="Revoke: run_command git push"/);
  const done = approvals.actions?.revoke?.(visit, new Map([['id', '1']]));
  const [given] = await until('it is asked for', async () => {
    const rows = await tools.read(ruling.next);
    return rows.length > 0 && rows;
  });
  assert.deepEqual(
    [given?.about, given?.choice, given?.given_by],
    ['permission 1', 'revoke', 'console AAAAAA'],
  );
  await tools.commit([permission.revoke(1, NOW), ruling.handled(given?.id ?? 0, 'revoked', NOW)]);
  assert.equal((await done)?.say, 'Taken back, from the next call on.');
});

test('the history goes on, page by page', async (t) => {
  const { tools, text, wish } = await asked(t);
  const ids = Array.from({ length: 60 }, (_, n) => uuid(NOW - 60_000 + n));
  await tools.commit(
    ids.flatMap((id, n) => [
      approval.ask({ ...wish, id, scope: `number ${n}.` }),
      approval.close(id, { state: 'denied', choice: 'deny', by: '7', now: NOW }),
    ]),
  );
  const numbers = (page: string) => [...page.matchAll(/number (\d+)\./g)].map(([, n]) => Number(n));
  const first = await text();
  const before = /before=([0-9a-f-]+)" rel="next"/.exec(first)?.[1];
  assert.deepEqual(
    [...numbers(first), ...numbers(await text(`before=${before}`))],
    Array.from({ length: 60 }, (_, n) => 59 - n),
  );
});
