import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draw, randomFrom } from './messages-latency.ts';

const drawn = (seed: number, count: number) => {
  const random = randomFrom(seed);
  return Array.from({ length: count }, () => draw({ median: 300, p99: 2000 }, random));
};

test('delays have the median and the 99th percentile that were asked for', () => {
  const sorted = drawn(1, 100_000).sort((left, right) => left - right);
  const median = sorted[50_000] ?? 0;
  const p99 = sorted[99_000] ?? 0;
  assert.ok(Math.abs(median - 300) < 10, `median ${median}`);
  assert.ok(Math.abs(p99 - 2000) < 100, `p99 ${p99}`);
});

test('delays of one seed are the same in every run, of another seed others', () => {
  assert.deepEqual(drawn(1, 10), drawn(1, 10));
  assert.notDeepEqual(drawn(1, 10), drawn(2, 10));
});

test('a fixed delay is what it says', () => {
  assert.equal(draw(20, randomFrom(1)), 20);
});
