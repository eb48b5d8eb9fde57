/** The service at work on a real store: what it writes, what it leaves to others, and how it goes on after a restart. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { halt, resume } from '#shared/runtime/halt.ts';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { type Running, run } from '#shared/runtime/service.ts';
import { openStore, type Store } from '#shared/store/store.ts';
import * as alert from '#shared/tables/alert.ts';
import * as breaker from '#shared/tables/breaker.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as incident from '#shared/tables/incident.ts';
import type { Op } from '#shared/tables/op.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { alerts } from './service.ts';

/** Five minutes are a second. */
const QUICK = `[alerts]
look_s = 0.1
window_s = 1
calm_s = 0.5
unresponsive_s = 20
[watchdog]
grace_s = 0.3
`;

async function houseOf(t: TestContext, config = QUICK) {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  writeFileSync(home.config, config);
  const store = await openStore({ directory: home.state, principal: 'cli' });
  t.after(() => store.close());
  const started: Running[] = [];
  t.after(() => Promise.all(started.map((running) => running.stop())));
  const start = async () => {
    const running = run(alerts, { home, console: 'off' });
    started.push(running);
    await running.ready;
    return running;
  };
  const as = async (principal: string, ...ops: Op[]) => {
    const theirs = await openStore({ directory: home.state, principal });
    await theirs.commit(ops).finally(() => theirs.close());
  };
  return { home, store, start, as };
}

const firing = async (store: Store) =>
  (await store.read(alert.open))
    .filter(({ state }) => state === 'firing')
    .map(({ rule, cause }) => `${rule}: ${cause}`);

/** A job's time that nobody takes up. */
const slot = (state: 'due' | 'skipped', at: number): Op =>
  state === 'due'
    ? {
        verb: 'test',
        sql: `INSERT INTO slot (job, due_at, service, state, created_at) VALUES ('of nobody', ?, 'nobody', 'due', ?)`,
        args: [at, at],
      }
    : { verb: 'test', sql: `UPDATE slot SET state = 'skipped', finished_at = ?`, args: [at] };

const MISSED = 'AgentCronSlotMissed: jobs past their time';

test('what ended while the clock was far ahead hides nothing now', async (t) => {
  const { store, start, as } = await houseOf(t);
  const down = { cause: 'service cron', service: 'watchdog', severity: 'critical', text: '' } as const;
  const ahead = Date.now() + 86_400_000;
  await as('watchdog', incident.open({ ...down, now: ahead }), incident.close(down.cause, 'watchdog', ahead));
  await start();
  await as('cron', slot('due', Date.now() - 3_600_000));
  await until('it fires', async () => (await firing(store)).length > 0);
  assert.deepEqual(await firing(store), [MISSED]);
});

test('what is found is an alert and an incident, over a restart too, and both end when it is mended', async (t) => {
  const { store, start, as } = await houseOf(t);
  const running = await start();
  await as('cron', slot('due', Date.now() - 3_600_000));
  await until('it fires', async () => (await firing(store)).includes(MISSED));
  const [told] = await store.read(incident.ongoing);
  assert.deepEqual([told?.cause, told?.service, told?.closed_at], ['jobs past their time', 'alerts', null]);
  assert.match(told?.text ?? '', /^A job has not begun: its time was 60 min ago\. scripts\/vigil jobs/);
  await running.stop();
  await start();
  const [before] = await store.read(alert.open);
  await until('it is seen again', async () => {
    const [row] = await store.read(alert.open);
    return row && before && row.seen_at > before.seen_at && row.id === before.id;
  });
  assert.equal((await store.read(incident.latest(9))).length, 1);
  await as('cron', slot('skipped', Date.now()));
  await until('it is over', async () => (await store.read(alert.open)).length === 0);
  assert.deepEqual(await store.read(incident.ongoing), []);
  const [over] = await store.read(alert.resolved(1));
  assert.deepEqual([over?.rule, over?.state], ['AgentCronSlotMissed', 'resolved']);
});

test("what the router has told is an alert, and no second incident; its end is the router's", async (t) => {
  const { store, start, as } = await houseOf(t);
  const now = Date.now();
  const cause = 'breaker anthropic/m';
  const failed = breaker.failed('anthropic/m', { now, due_at: now, threshold: 1, error: 'away' });
  await as(
    'router',
    failed,
    incident.open({ cause, service: 'router', severity: 'warning', text: 'Away.', now }),
  );
  await start();
  await until('it fires', async () => (await firing(store)).includes(`AgentBreakerOpen: ${cause}`));
  assert.deepEqual(
    (await store.read(incident.latest(9))).map(({ service }) => service),
    ['router'],
  );
  await as('router', breaker.worked('anthropic/m'));
  await until('it is over', async () => (await firing(store)).length === 0);
  assert.deepEqual((await store.read(incident.ongoing)).length, 1, 'only who opened it closes it');
});

test('right after a start nobody is silent for too long, and while all is halted no work waits', async (t) => {
  const { home, store, start, as } = await houseOf(t, QUICK.replace('0.3', '2'));
  const beat = (beat_at: number) =>
    heartbeat.beat({
      service: 'core',
      worker: 0,
      pid: 1,
      instance: 'core-1',
      boot_id: 'b',
      version: '1',
      phase: 'ready',
      doing: '',
      since_at: beat_at,
      progressed_at: beat_at,
      beat_at,
      rss_bytes: 1,
      loop_delay_ms: 1,
      problem: null,
    });
  await as('core', beat(Date.now() - 3_600_000));
  await as('cron', slot('due', Date.now() - 3_600_000));
  await start();
  await as('core', beat(Date.now()));
  await until('it looks', async () => (await firing(store)).includes(MISSED));
  assert.deepEqual(
    (await store.read(alert.open)).map(({ rule }) => rule),
    ['AgentCronSlotMissed'],
  );
  halt(home.halted, 'a test');
  await until('it rests', async () => (await store.read(alert.open)).length === 0);
  resume(home.halted);
  await until('it is found again', async () => (await firing(store)).includes(MISSED));
});
