import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore, type Store } from '#shared/store/store.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as incident from '#shared/tables/incident.ts';
import { announce } from '#shared/telling/announce.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { isSilent, watchPeer } from './peer.ts';

const NOW = 1_800_000_000_000;
const row = (service: string, ago_s: number, phase: 'ready' | 'stopped' = 'ready') => ({
  service,
  phase,
  beat_at: NOW - ago_s * 1000,
});

test('the watchdog is silent when it has not beaten for 40 s though others have', () => {
  const long = NOW - 3_600_000;
  assert.equal(isSilent([row('watchdog', 40), row('core', 1)], long, NOW), false);
  assert.equal(isSilent([row('watchdog', 41), row('core', 1)], long, NOW), true);
  assert.equal(isSilent([row('watchdog', 41), row('core', 40)], long, NOW), null, 'all are silent');
  assert.equal(isSilent([row('watchdog', 41, 'stopped'), row('core', 1)], long, NOW), null, 'it was stopped');
  assert.equal(isSilent([row('core', 1)], long, NOW), null, 'it never was');
  assert.equal(isSilent([row('watchdog', 900), row('core', 1)], NOW - 40_000, NOW), null, 'after a sleep');
});

async function built(t: TestContext) {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  writeFileSync(home.config, '');
  const open = async (principal: string) => {
    const store = await openStore({ directory: home.state, principal, flush: 'normal' });
    t.after(() => store.close());
    return store;
  };
  const [store, alerts] = [await open('telegram'), await open('alerts')];
  const others = { watchdog: await open('watchdog'), core: await open('core') };
  const beat = (service: 'watchdog' | 'core', at: number) => {
    const idle = { worker: 0, pid: 1, instance: 'i', boot_id: 'b', version: 'v', doing: '', problem: null };
    const times = { since_at: at, progressed_at: at, beat_at: at, rss_bytes: 1, loop_delay_ms: 0 };
    return others[service].commit([heartbeat.beat({ service, phase: 'ready', ...idle, ...times })]);
  };
  const clock = { now: NOW - 3_600_000 };
  const watch = (through: Store = store) =>
    watchPeer({
      home,
      config: { owners: [4242], groups: [] },
      store: through,
      clock: { now: () => clock.now, mono: () => clock.now },
      log: { info() {}, error() {} },
      onJump() {},
    } as unknown as Parameters<typeof watchPeer>[0]);
  const rows = <Row>(sql: string) => store.read<Row>({ verb: 'test', sql, args: [] });
  const said = async () =>
    (await rows<{ text: string }>('SELECT text FROM outbound ORDER BY id')).map(({ text }) => text);
  return { home, store, alerts, beat, clock, watch, rows, said };
}

test('a dead watchdog is told once, whoever tells, and is over when it beats, not when the bridge was started', async (t) => {
  const { beat, clock, watch, rows, said, alerts } = await built(t);
  await beat('watchdog', NOW - 41_000);
  await beat('core', NOW);
  const look = watch();
  clock.now = NOW;
  await look();
  assert.deepEqual(await said(), [], 'alerts has its time');
  // Its rule finds the same.
  const found = {
    cause: 'service watchdog',
    service: 'alerts',
    severity: 'critical',
    text: 'silent',
  } as const;
  await alerts.commit([incident.open({ ...found, now: NOW + 9_000 })]);
  clock.now = NOW + 10_000;
  await look();
  await look();
  await announce({ store: alerts, clock: { now: () => clock.now } }, { owners: [4242], patience_ms: 0 });
  assert.equal((await said()).length, 1);
  assert.match((await said())[0] ?? '', /watchdog hangs or died/);
  const restarted = watch();
  await restarted();
  const open = () => rows('SELECT 1 FROM incident WHERE closed_at IS NULL');
  assert.equal((await open()).length, 1);
  await beat('watchdog', clock.now);
  await restarted();
  assert.equal((await open()).length, 0);
  await announce({ store: alerts, clock: { now: () => clock.now } }, { owners: [4242], patience_ms: 0 });
  assert.equal((await said()).length, 2);
});

test('what could not be written is written at the next look, once, and the restart is asked for', async (t) => {
  const { home, store, beat, clock, watch, rows } = await built(t);
  await beat('watchdog', NOW - 61_000);
  await beat('core', NOW - 1000);
  let full = true;
  const look = watch({
    ...store,
    commit: (ops, when) => (full ? Promise.reject(new Error('the disk is full')) : store.commit(ops, when)),
  });
  clock.now = NOW;
  await assert.rejects(look, /full/);
  full = false;
  await look();
  await look();
  assert.equal((await rows('SELECT 1 FROM incident')).length, 1);
  assert.ok(existsSync(join(home.restarts, 'watchdog')));
});
