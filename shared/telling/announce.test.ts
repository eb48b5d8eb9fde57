import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Fenced, openStore, type Store } from '../store/store.ts';
import * as incident from '../tables/incident.ts';
import * as outbound from '../tables/outbound.ts';
import * as telling from '../tables/telling.ts';
import { scratch, until } from '../testing/scratch.ts';
import { announce } from './announce.ts';

const OWNER = 7;
const NOW = 1_800_000_000_000;

async function storesOf(t: TestContext, directory = scratch(t)) {
  const open = (principal: string) => openStore({ directory, principal, flush: 'normal' });
  const [router, alerts, watchdog] = [await open('router'), await open('alerts'), await open('watchdog')];
  t.after(() => Promise.all([router.close(), alerts.close(), watchdog.close()]));
  return { directory, router, alerts, watchdog };
}

function opened(cause: string, now = NOW) {
  return incident.open({ cause, service: 'router', severity: 'warning', text: `${cause}: it is.`, now });
}

const rowsOf = <Row>(store: Store, sql: string) => store.read<Row>({ verb: 'test', sql, args: [] });
const posts = (store: Store) => rowsOf<outbound.Outbound>(store, 'SELECT * FROM outbound ORDER BY id');
const at = (now: number) => ({ now: () => now });
const AT_ONCE = { owners: [OWNER], patience_ms: 0 };

test('two that announce at the same moment tell each thing once, and all that is due in one message', async (t) => {
  const { router, alerts, watchdog } = await storesOf(t);
  for (let round = 0; round < 60; round++) {
    const causes = [`a${round}`, `b${round}`];
    await router.commit(causes.map((cause) => opened(cause)));
    const done = await Promise.all(
      [alerts, watchdog].map((store) => announce({ store, clock: at(NOW + round) }, AT_ONCE)),
    );
    assert.equal(done.filter(Boolean).length, 1, 'one of them was quicker');
  }
  const all = await posts(router);
  assert.equal(all.length, 60);
  assert.match(all[0]?.text ?? '', /^⚠️\n• a0: it is.\n• b0: it is.$/);
  assert.equal((await rowsOf(router, 'SELECT 1 FROM telling')).length, 120);
});

test('a decision on what has changed meanwhile is void as a whole', async (t) => {
  const { router, alerts, watchdog } = await storesOf(t);
  await router.commit([opened('a'), opened('b')]);
  const [{ last } = { last: -1 }] = await alerts.read(telling.last);
  await watchdog.commit([telling.post({ incident_id: 1, phase: 'begun', message: 'm', now: NOW })]);
  const mine = [1, 2].map((incident_id) =>
    telling.post({ incident_id, phase: 'begun', message: 'n', now: NOW }),
  );
  await assert.rejects(alerts.commit([telling.asOf(last), ...mine.slice(1)]), Fenced);
  await assert.rejects(alerts.commit(mine), Fenced);
  assert.deepEqual(await rowsOf(router, 'SELECT incident_id, message FROM telling'), [
    { incident_id: 1, message: 'm' },
  ]);
});

test('whoever was slower looks anew: the same trouble that the other has told meanwhile is not told twice', async (t) => {
  const { router, alerts, watchdog } = await storesOf(t);
  await router.commit([opened('provider a')]);
  const clock = at(NOW);
  const slow: Store = {
    ...alerts,
    async commit(ops) {
      // Between its decision and its unit.
      await router.commit([incident.close('provider a', 'router', NOW), opened('breaker a/x')]);
      await announce({ store: watchdog, clock }, AT_ONCE);
      return alerts.commit(ops);
    },
  };
  assert.equal(await announce({ store: slow, clock }, AT_ONCE), false);
  const told = await posts(router);
  assert.equal(told.length, 1, told.map(({ text }) => text).join());
});

test('it waits for more of the same time, and tells of what is critical apart', async (t) => {
  const { router, alerts } = await storesOf(t);
  const patient = { owners: [OWNER], patience_ms: 2000 };
  await router.commit([opened('a'), opened('b', NOW + 1500)]);
  await router.commit([
    incident.open({ cause: 'c', service: 'router', severity: 'critical', text: 'Much.', now: NOW + 1999 }),
  ]);
  assert.equal(await announce({ store: alerts, clock: at(NOW + 1999) }, patient), false);
  assert.equal(await announce({ store: alerts, clock: at(NOW + 2000) }, patient), true);
  assert.deepEqual(
    (await posts(alerts)).map(({ text, urgency }) => [text, urgency]),
    [
      ['⚠️\n• a: it is.\n• b: it is.', 'unasked'],
      ['⚠️ Much.', 'critical'],
    ],
  );
});

test('buttons are below what begins, and none below its end', async (t) => {
  const { router, alerts } = await storesOf(t);
  await router.commit([opened('a')]);
  await announce({ store: alerts, clock: at(NOW) }, AT_ONCE);
  await router.commit([incident.close('a', 'router', NOW + 1)]);
  await announce({ store: alerts, clock: at(NOW + 1) }, AT_ONCE);
  const [begun, over] = await posts(alerts);
  const [[button] = []]: outbound.Buttons = JSON.parse(begun?.buttons_json ?? '[]');
  assert.match(button?.data ?? '', /^alert:acknowledge:[-0-9a-f]{36}$/);
  assert.deepEqual([over?.text, over?.buttons_json], ['✅ Over: a (after 0 s)', null]);
});

test('a clock that was set back brings one reminder, not one at every look', async (t) => {
  const { router, alerts } = await storesOf(t);
  const grave = { cause: 'a', service: 'router', severity: 'critical', text: 'a: it is.', now: NOW } as const;
  await router.commit([incident.open(grave)]);
  const remind = { ...AT_ONCE, remind_ms: 3_600_000 };
  const looks = [NOW, ...[0, 2000, 4000].map((ms) => NOW - 86_400_000 + ms)];
  for (const now of looks) await announce({ store: alerts, clock: at(now) }, remind);
  assert.deepEqual(
    (await posts(alerts)).map(({ text }) => text.slice(0, 8)),
    ['⚠️ a: it', '⏰ Still:'],
  );
});

test('of two that are killed again and again, with clocks that jump, all is told once', async (t) => {
  const { directory, router } = await storesOf(t);
  const program = join(import.meta.dirname, '..', 'testing', 'announcer.ts');
  let over = false;
  let kills = 0;
  const keepKilling = async (principal: string) => {
    while (!over) {
      const child = fork(program, [directory, principal, String(OWNER)], { stdio: 'inherit' });
      const [first] = await once(child, 'message');
      assert.equal(first, 'announced');
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 40));
      child.kill('SIGKILL');
      await once(child, 'close');
      kills += 1;
    }
  };
  const killers = ['alerts', 'watchdog'].map(keepKilling);
  let made = 0;
  await until('both have been killed often', async () => {
    const cause = `c${made++}`;
    await router.commit([opened(cause, Date.now())]);
    if (made % 2 === 0) await router.commit([incident.close(`c${made - 2}`, 'router', Date.now())]);
    return kills >= 16;
  });
  over = true;
  await Promise.all(killers);
  const last = await openStore({ directory, principal: 'alerts' });
  t.after(() => last.close());
  await announce({ store: last, clock: { now: Date.now } }, AT_ONCE);
  const told = await rowsOf<telling.Telling>(last, 'SELECT * FROM telling');
  const begun = told.filter(({ phase }) => phase === 'begun');
  const ended = told.filter(({ phase }) => phase === 'over');
  assert.ok(begun.length > 10, `${begun.length}`);
  const [open] = await rowsOf<{ count: number }>(
    last,
    'SELECT count(*) AS count FROM incident WHERE closed_at IS NULL',
  );
  assert.ok(begun.length >= (open?.count ?? Number.NaN), 'whatever is open is told');
  assert.equal(ended.length, made - (open?.count ?? 0), 'whatever has ended is told');
  // Each message that was not passed over in silence has its one post, and each post its message.
  const spoken = new Set(told.filter(({ told_at }) => told_at === null).map(({ message }) => message));
  const posted = (await posts(last)).map(({ key }) => outbound.tellingOf(key));
  assert.equal(new Set(posted).size, posted.length);
  assert.deepEqual(new Set(posted), spoken);
});
