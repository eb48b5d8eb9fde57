import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '#shared/base/clock.ts';
import { openStore } from '#shared/store/store.ts';
import * as approval from '#shared/tables/approval.ts';
import * as permission from '#shared/tables/permission.ts';
import * as ruling from '#shared/tables/ruling.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';

const ID = '01939a3e-0000-7000-8000-0000001f9c2a';

/** A house where one approval waits, and whose tools service is this test. */
async function waiting(t: TestContext, wish: Partial<approval.Wish> = {}) {
  const { home } = await quietHome(t);
  const store = await openStore({ directory: home.state, principal: 'tools', flush: 'normal' });
  t.after(() => store.close());
  const now = systemClock.now();
  await store.commit([
    approval.ask({
      id: ID,
      call_id: 'call',
      turn_id: 'turn',
      conversation: 'c',
      kind: 'approval',
      tool: 'run_command',
      scope: 'Run a command:\n    git push',
      rule_json: null,
      grants_json: null,
      choices_json: '["once","deny"]',
      taint: 'web https://x.example/',
      asked_at: now,
      expires_at: now + 20.5 * 60_000,
      ...wish,
    }),
  ]);
  /** Handles the next ruling, as soon as it is there. */
  const handle = (outcome: string) =>
    new Promise<ruling.Ruling>((resolve, reject) => {
      const timer = setInterval(async () => {
        const [given] = await store.read(ruling.next);
        if (!given) return;
        clearInterval(timer);
        store.commit([ruling.handled(given.id, outcome, 1)]).then(() => resolve(given), reject);
      }, 10);
      t.after(() => clearInterval(timer));
    });
  return { home, store, handle };
}

test('what waits is listed with its choices, its time, and whose words were read', async (t) => {
  const { home } = await waiting(t);
  const { stdout } = await vigil(home, ['approve']);
  const [, row = ''] = stdout.split('\n');
  assert.deepEqual(row.split(/ {2,}/), [
    '1f9c2a',
    'once deny',
    '21 min',
    'web https://x.example/',
    'Run a command: git push',
  ]);
  const [json] = JSON.parse((await vigil(home, ['approve', '--json'])).stdout);
  assert.equal(json.id, ID);
});

test('a word is given by the end of the id, and what came of it is printed', async (t) => {
  const { home, handle } = await waiting(t);
  const [given, printed] = await Promise.all([handle('granted'), vigil(home, ['approve', '1f9c2a', 'once'])]);
  assert.deepEqual([given.about, given.choice], [`approval ${ID}`, 'once']);
  assert.deepEqual([printed.code, printed.stdout], [0, 'granted\n']);
});

test('what is not offered, or not there, is refused with what is', async (t) => {
  const { home, store } = await waiting(t);
  for (const [args, message] of [
    [['1f9c2a', 'always'], /expected once, deny, got 'always'/],
    [['1f9c2a'], /expected once, deny, got nothing/],
    [['f9c2a', 'once'], /nothing that waits is called 'f9c2a'/],
    [['000000', 'once'], /nothing that waits/],
  ] as const) {
    const { code, stderr } = await vigil(home, ['approve', ...args]);
    assert.equal(code, 78);
    assert.match(stderr, message);
  }
  assert.deepEqual(await store.read(ruling.next), []);
});

test('a question is answered by the number of the choice', async (t) => {
  const { home, handle } = await waiting(t, { kind: 'question', choices_json: '["red","blue"]' });
  assert.match((await vigil(home, ['approve'])).stdout, /0: red 1: blue/);
  const [given] = await Promise.all([handle('answered'), vigil(home, ['approve', '1f9c2a', '1'])]);
  assert.equal(given.choice, '1');
});

test('what was always allowed is listed, and revoked by its number', async (t) => {
  const { home, store, handle } = await waiting(t);
  assert.equal((await vigil(home, ['permissions'])).stdout, 'Nothing is always allowed.\n');
  const kept = { tool: 'run_command', rule_json: '{}', scope: 'every `git push`', given_by: 'me' };
  await store.commit([permission.give({ ...kept, given_at: new Date(2026, 10, 22, 12).getTime() })]);
  const { stdout } = await vigil(home, ['permissions']);
  assert.match(stdout, /^n +tool +what +given by +on\n1 +run_command +every `git push` +me +2026-11-22\n$/);
  const [given, printed] = await Promise.all([
    handle('revoked'),
    vigil(home, ['permissions', 'revoke', '1']),
  ]);
  assert.deepEqual([given.about, given.choice, printed.stdout], ['permission 1', 'revoke', 'revoked\n']);
  assert.equal((await vigil(home, ['permissions', 'revoke', '2'])).code, 78);
  assert.equal((await vigil(home, ['permissions', 'revoke', 'x'])).code, 64);
});
