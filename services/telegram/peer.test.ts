import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore, type Store } from '#shared/store/store.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { silentSince, watchPeer } from './peer.ts';

const NOW = 1_800_000_000_000;
const row = (service: string, ago_s: number, phase: 'ready' | 'stopped' = 'ready') => ({
  service,
  phase,
  beat_at: NOW - ago_s * 1000,
});

test('the watchdog is silent when it has not beaten for 40 s though others have', () => {
  const long = NOW - 3_600_000;
  assert.equal(silentSince([row('watchdog', 40), row('core', 1)], long, NOW), null);
  assert.equal(silentSince([row('watchdog', 41), row('core', 1)], long, NOW), NOW - 41_000);
  assert.equal(silentSince([row('watchdog', 41), row('core', 40)], long, NOW), null, 'all are silent');
  assert.equal(
    silentSince([row('watchdog', 41, 'stopped'), row('core', 1)], long, NOW),
    null,
    'it was stopped',
  );
  assert.equal(silentSince([row('core', 1)], long, NOW), null, 'it never was');
  assert.equal(silentSince([row('watchdog', 900), row('core', 1)], NOW - 40_000, NOW), null, 'after a sleep');
});

test('a word that could not be written is written at the next look, once, and the restart is asked for', async (t) => {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  writeFileSync(home.config, '');
  for (const [service, ago_s] of [['watchdog', 61] as const, ['core', 1] as const]) {
    const store = await openStore({ directory: home.state, principal: service });
    const idle = { worker: 0, pid: 1, instance: 'i', boot_id: 'b', version: 'v', doing: '', problem: null };
    const at = NOW - ago_s * 1000;
    const times = { since_at: at, progressed_at: at, beat_at: at, rss_bytes: 1, loop_delay_ms: 0 };
    await store.commit([heartbeat.beat({ service, phase: 'ready', ...idle, ...times })]);
    await store.close();
  }
  const store = await openStore({ directory: home.state, principal: 'telegram' });
  t.after(() => store.close());
  let full = true;
  const flaky: Store = {
    ...store,
    commit: (ops, when) => (full ? Promise.reject(new Error('the disk is full')) : store.commit(ops, when)),
  };
  let now = NOW - 3_600_000;
  const look = watchPeer({
    home,
    config: { owners: [4242], groups: [] },
    store: flaky,
    clock: { now: () => now, mono: () => now },
    log: { info() {}, error() {} },
    onJump() {},
  } as unknown as Parameters<typeof watchPeer>[0]);
  now = NOW;
  await assert.rejects(look, /full/);
  full = false;
  await look();
  await look();
  const said = await store.read({ verb: 'test', sql: 'SELECT text FROM outbound', args: [] });
  assert.equal(said.length, 1);
  assert.ok(existsSync(join(home.restarts, 'watchdog')));
});
