import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spell } from './span.ts';

test('times are said as people say them', () => {
  assert.deepEqual([0, 119_000, 120_000, 7_200_000, 172_800_000].map(spell), [
    '0 s',
    '119 s',
    '2 min',
    '2 h',
    '2 days',
  ]);
});
