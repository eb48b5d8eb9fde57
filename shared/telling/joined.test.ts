import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Recent } from '../tables/telling.ts';
import { joined, partOf } from './joined.ts';

const NOW = 1_800_000_000_000;
const LATE_ms = 120_000;

type Told = Recent['told'];
const row = (id: number, cause: string, more: Partial<Recent> = {}): Recent => ({
  ...{ id, cause, text: cause, opened_at: NOW + id, closed_at: null, told: 'no' as Told },
  ...more,
});

/** What becomes of these, told or not, in their order. */
function fates(rows: readonly Recent[]): string[] {
  const due = rows.flatMap((one) => {
    const phase = one.closed_at === null ? ('begun' as const) : ('over' as const);
    return phase === 'begun' && one.told !== 'no' ? [] : [{ ...one, phase }];
  });
  const sorted = joined(due, rows);
  return due.map((one) => {
    const fate = (['alone', 'join', 'wait'] as const).find((fate) => sorted[fate].includes(one));
    return `${one.cause} ${one.phase}: ${fate}`;
  });
}

const over = (told: Told, closed_at = NOW + 1000) => ({ told, closed_at });

test('of a provider, its models and the network, the broadest of what is new is told, and the first of equals', () => {
  assert.deepEqual(fates([row(1, 'breaker a/x'), row(2, 'provider a')]), [
    'breaker a/x begun: join',
    'provider a begun: alone',
  ]);
  assert.deepEqual(fates([row(1, 'breaker a/x'), row(2, 'breaker a/y'), row(3, 'breaker b/z')]), [
    'breaker a/x begun: alone',
    'breaker a/y begun: join',
    'breaker b/z begun: alone',
  ]);
  assert.deepEqual(fates([row(1, 'provider a'), row(2, 'telegram is away'), row(3, 'network')]), [
    'provider a begun: join',
    'telegram is away begun: join',
    'network begun: alone',
  ]);
});

test('what has been told speaks for whatever shows the same trouble later', () => {
  assert.deepEqual(fates([row(1, 'breaker a/x', { told: 'itself' }), row(2, 'provider a')]), [
    'provider a begun: join',
  ]);
  // One that was told with another is no word to the owner.
  assert.deepEqual(fates([row(1, 'breaker a/x', { told: 'with' }), row(2, 'provider a')]), [
    'provider a begun: alone',
  ]);
  // Its end waits for the broader one, and so nothing has ended.
  assert.deepEqual(fates([row(1, 'breaker a/x', over('itself')), row(2, 'provider a')]), [
    'breaker a/x over: wait',
    'provider a begun: join',
  ]);
  assert.deepEqual(fates([row(1, 'provider a', over('itself')), row(2, 'breaker a/x')]), [
    'provider a over: alone',
    'breaker a/x begun: alone',
  ]);
});

test('the end of what was told by itself is told, when nothing broader goes on; of the rest it is not', () => {
  assert.deepEqual(fates([row(1, 'provider a', over('itself')), row(2, 'breaker a/x', { told: 'with' })]), [
    'provider a over: alone',
  ]);
  assert.deepEqual(fates([row(1, 'breaker a/x', over('itself')), row(2, 'provider a', { told: 'with' })]), [
    'breaker a/x over: wait',
  ]);
  assert.deepEqual(fates([row(1, 'provider a', over('itself')), row(2, 'breaker a/x', over('with'))]), [
    'provider a over: alone',
    'breaker a/x over: join',
  ]);
});

test('what nobody could be told of is over for all of them in one word, if it was at one time', () => {
  const network = row(5, 'network', over('no', NOW + 60_000));
  const breaker = (opened_at: number) => row(9, 'breaker a/x', { opened_at, closed_at: opened_at + 1 });
  assert.deepEqual(fates([breaker(NOW + 60_000 + LATE_ms), network]), [
    'breaker a/x over: join',
    'network over: alone',
  ]);
  assert.deepEqual(fates([breaker(NOW + 60_001 + LATE_ms), network]), [
    'breaker a/x over: alone',
    'network over: alone',
  ]);
});

test('a backup that fails is told once, by whom it is about, and the network has no part in it', () => {
  const failed = [
    row(1, 'backup'),
    row(2, 'job hourly backup'),
    row(3, 'job daily backup'),
    row(4, 'job mine'),
  ];
  assert.deepEqual(fates(failed), [
    'backup begun: alone',
    'job hourly backup begun: join',
    'job daily backup begun: join',
    'job mine begun: alone',
  ]);
  assert.deepEqual(fates([row(1, 'network', { told: 'itself' }), row(2, 'backup'), row(3, 'job prune')]), [
    'backup begun: alone',
    'job prune begun: alone',
  ]);
  assert.deepEqual(fates([row(1, 'backup', over('itself')), row(2, 'job hourly backup', over('with'))]), [
    'backup over: alone',
    'job hourly backup over: join',
  ]);
});

test("what is nobody else's stands for itself", () => {
  assert.equal(partOf(row(1, 'service core')), null);
  assert.equal(
    partOf(row(1, 'problem telegram', { text: 'Another program reads the updates (telegram)' })),
    null,
  );
  assert.deepEqual(partOf(row(1, 'problem telegram', { text: 'Telegram cannot be reached: no' })), {
    whole: 'telegram is away',
    breadth: 2,
    outside: true,
  });
  assert.deepEqual(fates([row(1, 'budget day'), row(2, 'network', { told: 'itself' })]), [
    'budget day begun: alone',
  ]);
});
