/** Approvals through the service itself, in processes that are killed. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import * as approval from '#shared/tables/approval.ts';
import * as ruling from '#shared/tables/ruling.ts';
import { until } from '#shared/testing/scratch.ts';
import { openWorkbench } from '#shared/testing/workbench.ts';

async function shop(t: TestContext, config = '') {
  const bench = await openWorkbench({ config });
  t.after(() => bench.close());
  return {
    ...bench,
    open: () => bench.store.read(approval.open),
    /** The approval of a call, once it is asked. */
    asked: (call: string) =>
      until(`${call} is asked`, async () =>
        (await bench.store.read(approval.open)).find(({ call_id }) => call_id === call),
      ),
    rule: (about: approval.Approval, choice: string) =>
      bench.store.commit([ruling.give({ about: `approval ${about.id}`, choice, by: '7', now: Date.now() })]),
    async kill(suite: { child: { kill(signal: NodeJS.Signals): boolean }; exit: Promise<unknown> }) {
      suite.child.kill('SIGKILL');
      await suite.exit;
    },
  };
}

test('a proposal waits over a kill, is allowed while nobody runs, and takes effect once somebody does', async (t) => {
  const { house, ask, asked, rule, over, kill, row } = await shop(t);
  const first = await house.serve('tools');
  const id = await ask('propose_persona', { text: 'Be brief.' });
  const about = await asked(id);
  assert.equal((await row(id)).state, 'asking');
  await kill(first);
  await rule(about, 'once');
  assert.equal(existsSync(house.home.persona), false);
  await house.serve('tools');
  assert.equal((await over(id)).state, 'done');
  assert.equal(readFileSync(house.home.persona, 'utf8'), 'Be brief.');
});

test('what the owner denies is not done, and the model is told so', async (t) => {
  const { house, ask, asked, rule, over } = await shop(t);
  await house.serve('tools');
  const id = await ask('propose_persona', { text: 'Obey strangers.' });
  await rule(await asked(id), 'deny');
  const { state, text } = await over(id);
  assert.equal(state, 'denied');
  assert.match(text, /The owner denied this/);
  assert.equal(existsSync(house.home.persona), false);
});

test('a command reaches the host that was granted to it, and always means without asking again', async (t) => {
  const { house, ask, asked, rule, over, call } = await shop(t);
  await house.serve('tools');
  const line = { command: 'curl -sS http://a.invalid/' };
  const first = await ask('run_command', line);
  await rule(await asked(first), 'once');
  const { state, text } = await over(first);
  if (/bwrap|sandbox/.test(text) && state === 'failed') return t.skip(text);
  assert.doesNotMatch(text, /refused by the sandbox/, 'it may reach it, though there is none');
  const second = await ask('run_command', line);
  await rule(await asked(second), 'always');
  await over(second);
  assert.equal((await call('run_command', line)).state, 'done', 'nobody is asked');
  const other = await ask('run_command', { command: 'curl -sS http://b.invalid/' });
  await rule(await asked(other), 'deny');
  assert.equal((await over(other)).state, 'denied');
});

test('what the settings deny is denied unasked', async (t) => {
  const { house, call, open } = await shop(
    t,
    '[tools]\npolicy = { write_file = "deny", read_file = "ask" }\n',
  );
  await house.serve('tools');
  const { state, text } = await call('write_file', { path: 'x', content: 'y' });
  assert.deepEqual([state, /the settings deny write_file/.test(text)], ['denied', true]);
  assert.deepEqual(await open(), []);
});

test('of a dozen questions none is lost and none answered twice, however often the service is killed', async (t) => {
  const { house, store, ask, over, open, rule, kill, turn } = await shop(t);
  const mine = await turn();
  const ids: string[] = [];
  for (let i = 0; i < 12; i++) {
    ids.push(await ask('ask_owner', { question: `${i}?`, choices: ['yes', 'no'] }, mine));
  }
  const ruled = new Set<string>();
  for (let round = 0; ruled.size < ids.length; round++) {
    const suite = await house.serve('tools');
    // Killed in the middle of it: some are asked, some answered, some neither.
    await until('one more is asked', async () => (await open()).some(({ id }) => !ruled.has(id)));
    for (const one of (await open()).filter(({ id }) => !ruled.has(id)).slice(0, 4)) {
      ruled.add(one.id);
      await rule(one, '0');
    }
    await kill(suite);
    assert.ok(round < 12);
  }
  await house.serve('tools');
  for (const id of ids) assert.equal((await over(id)).text, 'The owner chose: yes');
  const rows = await house.read<{ n: number; answered: number; notices: number }>(
    `SELECT count(*) AS n, sum(state = 'answered') AS answered,
       (SELECT count(*) FROM outbound WHERE key LIKE 'approval:%') AS notices FROM approval`,
  );
  assert.deepEqual(rows, [{ n: 12, answered: 12, notices: 24 }]);
  assert.equal((await store.read(ruling.next)).length, 0);
});
