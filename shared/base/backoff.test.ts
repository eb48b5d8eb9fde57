import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoff_ms } from './backoff.ts';

const of = { first_ms: 100, most_ms: 1000 };

test('the wait doubles with each failure, up to the most', () => {
  const longest = [0, 1, 2, 3, 4, 5].map((failures) => backoff_ms(failures, of, () => 1));
  assert.deepEqual(longest, [100, 200, 400, 800, 1000, 1000]);
});

test('those who failed together do not come back together: the wait lies between its half and its whole', () => {
  assert.equal(
    backoff_ms(1, of, () => 0),
    100,
  );
  assert.equal(
    backoff_ms(1, of, () => 0.5),
    150,
  );
  const waits = new Set(Array.from({ length: 50 }, () => backoff_ms(10, of)));
  assert.ok(waits.size > 10);
  for (const wait of waits) assert.ok(wait >= 500 && wait <= 1000, String(wait));
});

test('a wait is a whole number, and finite after any number of failures', () => {
  for (const failures of [0, 31, 1100, Number.MAX_SAFE_INTEGER]) {
    const wait = backoff_ms(failures, { first_ms: 3, most_ms: 7 });
    assert.ok(Number.isInteger(wait) && wait >= 1 && wait <= 7, String(wait));
  }
});
