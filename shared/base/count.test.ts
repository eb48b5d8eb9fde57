import assert from 'node:assert/strict';
import { test } from 'node:test';
import { about, grouped } from './count.ts';

test('numbers are grouped, or rounded where nobody counts', () => {
  assert.deepEqual([0, 999, 1000, 1_234_567].map(grouped), ['0', '999', '1,000', '1,234,567']);
  assert.deepEqual([0, 999, 1000, 88_421, 123_456, 1.25e6, 2e9].map(about), [
    '0',
    '999',
    '1.0k',
    '88.4k',
    '123k',
    '1.3M',
    '2.0G',
  ]);
});
