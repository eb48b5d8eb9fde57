import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentSince } from './peer.ts';

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
