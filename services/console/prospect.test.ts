import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstToStop, prospectOf } from './prospect.ts';

const HOUR_ms = 3_600_000;
const day = (spent_nanousd: number, more = {}) => ({
  starts_at: 0,
  ends_at: 24 * HOUR_ms,
  limit_nanousd: 240,
  spent_nanousd,
  held_nanousd: 0,
  ...more,
});

test('what goes on as it began is spent to the limit at the very end, and a little more before it', () => {
  const even = prospectOf(day(120), 12 * HOUR_ms);
  assert.deepEqual([even.expected_nanousd, even.empty_at], [240, null]);
  const faster = prospectOf(day(160), 12 * HOUR_ms);
  assert.deepEqual([faster.expected_nanousd, faster.empty_at], [320, 18 * HOUR_ms]);
});

test('what is reserved by calls under way is not left to others', () => {
  assert.equal(prospectOf(day(120, { held_nanousd: 60 }), 12 * HOUR_ms).empty_at, 18 * HOUR_ms);
  assert.equal(prospectOf(day(120, { held_nanousd: 120 }), 12 * HOUR_ms).empty_at, 12 * HOUR_ms);
});

test('the first minutes of a day are no pace: a twelfth of it is the least', () => {
  assert.equal(
    prospectOf(day(10), 60_000).expected_nanousd,
    10 + (10 / (2 * HOUR_ms)) * (24 * HOUR_ms - 60_000),
  );
});

test('a pace that is known by other means is gone by', () => {
  const prospect = prospectOf(day(120), 12 * HOUR_ms, 20 / HOUR_ms);
  assert.deepEqual([prospect.expected_nanousd, prospect.empty_at], [360, 18 * HOUR_ms]);
});

test('nothing spent is nothing expected, and a budget of nothing is used up at once', () => {
  assert.deepEqual(prospectOf(day(0), HOUR_ms).empty_at, null);
  assert.equal(prospectOf(day(0, { limit_nanousd: 0 }), HOUR_ms).empty_at, HOUR_ms);
});

test('who is used up first stops the calls; nobody does where all last', () => {
  const at = 12 * HOUR_ms;
  const [late, soon, never] = [day(150), day(200), day(10)].map((one) => prospectOf(one, at));
  assert.ok(late && soon && never);
  assert.equal(firstToStop([never, late, soon]), soon);
  assert.equal(firstToStop([never]), null);
});
