/** Where the money is going. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grown, pace } from './burn.ts';

const HOUR_ms = 3_600_000;
const START = new Date(2026, 10, 22).getTime();
const hour = (nth: number, cost_nanousd: number) => ({ hour_at: START + nth * HOUR_ms, cost_nanousd });

test('a steady cost goes on as it went, whatever the period', () => {
  const hours = Array.from({ length: 200 }, (_, nth) => hour(nth, 3_600_000));
  const now = START + 199 * HOUR_ms + HOUR_ms;
  for (const kind of ['hour', 'day', 'month'] as const) assert.equal(pace(hours, kind, now), 1, kind);
});

test('the hour in which the look back begins counts in part', () => {
  assert.equal(pace([hour(0, 3_600_000), hour(1, 0)], 'hour', START + 1.25 * HOUR_ms), 0.75);
});

test('a young house is judged by its own age, and by an hour at least', () => {
  assert.equal(pace([hour(0, 7_200_000)], 'day', START + 2 * HOUR_ms), 1);
  assert.equal(pace([hour(0, 3_600_000)], 'day', START + 60_000), 1);
  assert.equal(pace([], 'month', START), 0);
});

test('the day grows hour by hour, up to the present one', () => {
  const hours = [hour(-1, 50), hour(0, 1), hour(2, 4), hour(3, 8)];
  assert.deepEqual(grown(hours, START, START + 2.5 * HOUR_ms), [1, 1, 5]);
  assert.deepEqual(grown([], START, START), [0]);
});
