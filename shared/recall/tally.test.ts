import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tally } from './tally.ts';

const HITS = [
  { weight: 1, ids: [1, 2, 3, 7] },
  { weight: 2, ids: [2, 9] },
  { weight: 1, ids: [3] },
];

test('what is said for one is added up, and of equals the newest comes first', () => {
  assert.deepEqual(tally(HITS, 9), [2, 9, 3, 7, 1]);
  assert.deepEqual(tally([], 9), []);
});

test('no more come than are asked for, also of equals', () => {
  assert.deepEqual(tally(HITS, 5), [2, 9, 3, 7, 1]);
  assert.deepEqual(tally(HITS, 4), [2, 9, 3, 7]);
  assert.deepEqual(tally(HITS, 2), [2, 9]);
});
