import assert from 'node:assert/strict';
import { test } from 'node:test';
import { services } from '#shared/manifest.ts';
import type { Standing } from '#shared/metrics/standing.ts';
import { judge, type Seen } from './health.ts';

const NOW = 1_790_000_000_000;

function all(states: Partial<Record<string, Standing['state']>> = {}): Standing[] {
  return services.map(({ name }) => ({
    service: name,
    state: states[name] ?? 'up',
    beat: null,
    silent_ms: 0,
  }));
}

const WELL: Seen = {
  now: NOW,
  facts: { halted: false, disk_free_bytes: 5e9 },
  store: { problem: null, took_ms: 1 },
  stood: all(),
  breakers: new Map([
    ['p/a', 'closed'],
    ['p/b', 'closed'],
  ]),
  budgets: [{ budget: 'hour', spent_usd: 0.5, held_usd: 0, limit_usd: 1 }],
  waiting: { count: 0, since_at: null },
  unpaid: 0,
  answered_at: NOW - 3_600_000,
  open: { critical: 0, warning: 0 },
  backup_at: NOW - 3_600_000,
  disk_low_bytes: 1e9,
};

const CASES: [what: string, seen: Partial<Seen>, check: string, status: string, ready: boolean][] = [
  ['all is well, though nobody was answered all night', {}, 'inference', 'healthy', true],
  ['nothing can be written', { store: { problem: 'disk full', took_ms: 1 } }, 'store', 'unhealthy', false],
  ['core is silent', { stood: all({ core: 'silent' }) }, 'core', 'unhealthy', false],
  ['the router only starts', { stood: all({ router: 'starting' }) }, 'router', 'unhealthy', false],
  ['the bridge is down', { stood: all({ telegram: 'stopped' }) }, 'bridge', 'unhealthy', true],
  ['there is no bridge', { stood: all({ telegram: 'off' }) }, 'bridge', 'off', true],
  ['the watchdog is down', { stood: all({ watchdog: 'misconfigured' }) }, 'watchdog', 'degraded', true],
  ['another service is down', { stood: all({ backup: 'silent' }) }, 'services', 'degraded', true],
  ['all is halted', { facts: { halted: true, disk_free_bytes: 5e9 } }, 'halt', 'degraded', false],
  [
    'one breaker is open',
    {
      breakers: new Map([
        ['p/a', 'open'],
        ['p/b', 'closed'],
      ]),
    },
    'provider',
    'degraded',
    true,
  ],
  [
    'all breakers are open',
    {
      breakers: new Map([
        ['p/a', 'open'],
        ['p/b', 'open'],
      ]),
    },
    'provider',
    'unhealthy',
    false,
  ],
  [
    'one is tried again',
    {
      breakers: new Map([
        ['p/a', 'open'],
        ['p/b', 'half open'],
      ]),
    },
    'provider',
    'degraded',
    true,
  ],
  [
    'a budget is used up',
    { budgets: [{ budget: 'day', spent_usd: 3, held_usd: 0, limit_usd: 3 }] },
    'budget',
    'degraded',
    false,
  ],
  [
    'a budget is nearly used up',
    { budgets: [{ budget: 'day', spent_usd: 2.99, held_usd: 0, limit_usd: 3 }] },
    'budget',
    'healthy',
    true,
  ],
  [
    'free models need no budget',
    { budgets: [{ budget: 'day', spent_usd: 0, held_usd: 0, limit_usd: 0 }] },
    'budget',
    'healthy',
    true,
  ],
  ['somebody waits for money', { unpaid: 1 }, 'budget', 'degraded', false],
  [
    'the disk is nearly full',
    { facts: { halted: false, disk_free_bytes: 1e9 - 1 } },
    'disk',
    'degraded',
    true,
  ],
  [
    'the disk is not nearly full',
    { facts: { halted: false, disk_free_bytes: 1e9 } },
    'disk',
    'healthy',
    true,
  ],
  ['the disk cannot be asked', { facts: { halted: false, disk_free_bytes: null } }, 'disk', 'degraded', true],
  ['the backup is old', { backup_at: NOW - 48 * 3_600_000 - 1 }, 'backup', 'degraded', true],
  ['something critical is open', { open: { critical: 1, warning: 0 } }, 'incidents', 'degraded', true],
  ['a warning is open', { open: { critical: 0, warning: 1 } }, 'incidents', 'degraded', true],
];

for (const [what, seen, check, status, ready] of CASES) {
  test(`${what}: ${check} is ${status}, and it is ${ready ? '' : 'not '}ready`, () => {
    const health = judge({ ...WELL, ...seen });
    assert.equal(health.checks[check]?.status, status);
    assert.equal(health.status, status === 'off' ? 'healthy' : status, 'all else is well');
    assert.equal(health.ready, ready);
  });
}

test('a late answer counts only while somebody waits for one, and from when they do', () => {
  const late = (waiting: Seen['waiting'], answered_at: number | null, halted = false) =>
    judge({ ...WELL, waiting, answered_at, facts: { halted, disk_free_bytes: 5e9 } }).checks.inference
      ?.status;
  const waits = { count: 1, since_at: NOW - 300_001 };
  assert.equal(late({ count: 0, since_at: null }, NOW - 9e9), 'healthy');
  assert.equal(late(waits, NOW - 9e9), 'degraded');
  assert.equal(late(waits, null), 'degraded', 'also when none was ever given');
  assert.equal(late({ count: 1, since_at: NOW - 300_000 }, NOW - 9e9), 'healthy');
  assert.equal(late(waits, NOW - 300_000), 'healthy', 'a long turn that is answered in between');
  assert.equal(late(waits, NOW - 9e9, true), 'healthy', 'the halt says it');
});

test('a service that has never been there was not silent for so long', () => {
  assert.deepEqual(new Set(judge(WELL).services.map(({ silent_s }) => silent_s)), new Set([null]));
});

test('what it says of breakers and services names them, and it is as old as its core', () => {
  const health = judge({
    ...WELL,
    stood: all({ backup: 'silent' }),
    breakers: new Map([['p/a', 'open']]),
    waiting: { count: 2, since_at: NOW },
  });
  assert.match(health.checks.provider?.detail ?? '', /p\/a/);
  assert.match(health.checks.services?.detail ?? '', /backup silent/);
  assert.equal(health.waiting_turns, 2);
  assert.equal(health.last_inference_age_s, 3600);
});
