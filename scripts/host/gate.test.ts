import assert from 'node:assert/strict';
import { test } from 'node:test';
import type * as heartbeat from '#shared/tables/heartbeat.ts';
import { opinion } from './gate.ts';
import type { Standing } from './supervisor.ts';

const beat = (values: Partial<heartbeat.Heartbeat>): heartbeat.Heartbeat => ({
  service: 'core',
  worker: 0,
  pid: 7,
  instance: 'core-1',
  boot_id: 'b',
  version: '2',
  phase: 'ready',
  doing: '',
  since_at: 0,
  progressed_at: 0,
  beat_at: 0,
  rss_bytes: 0,
  loop_delay_ms: 0,
  problem: null,
  ...values,
});
const active: Standing = { state: 'active', pid: 7, restarts: 0 };

test('ready is who says so in the right release, and is the process that the supervisor started', () => {
  const cases: [Partial<heartbeat.Heartbeat> | null, Standing | undefined, string][] = [
    [{}, active, 'ready'],
    [{ version: '1' }, active, 'wait'],
    [{ pid: 6 }, active, 'wait'],
    [{ phase: 'starting' }, active, 'wait'],
    [null, active, 'wait'],
    [{}, { ...active, state: 'starting' }, 'wait'],
    [{}, { state: 'stopped', pid: null, restarts: 0 }, 'wait'],
    [{}, { state: 'failed', pid: null, restarts: 5 }, 'lost'],
    [{}, undefined, 'lost'],
    [{ phase: 'misconfigured' }, { state: 'failed', pid: null, restarts: 0 }, 'lost'],
    [{ phase: 'misconfigured', version: '1' }, { state: 'starting', pid: 8, restarts: 0 }, 'wait'],
  ];
  for (const [values, standing, is] of cases) {
    assert.equal(
      opinion(values ? beat(values) : undefined, standing, '2').is,
      is,
      JSON.stringify([values, standing]),
    );
  }
});

test('who waits for a person says what for', () => {
  const down: Standing = { state: 'failed', pid: null, restarts: 0 };
  const { why, misconfigured } = opinion(beat({ phase: 'misconfigured', problem: 'no key' }), down, '2');
  assert.deepEqual([why, misconfigured], ['no key', true]);
});
