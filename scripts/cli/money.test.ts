import assert from 'node:assert/strict';
import { test } from 'node:test';
import { about, grouped } from '#shared/base/count.ts';
import { exact, limit, raise } from './money.ts';

test('a limit is shown to its last digit', () => {
  assert.deepEqual([0, 3e9, 1, 2_500_000_001, 1e15].map(exact), [
    '$0.00',
    '$3.00',
    '$0.000000001',
    '$2.500000001',
    '$1,000,000.00',
  ]);
});

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

test('a raise is more than nothing and at most 10,000 dollars', () => {
  assert.deepEqual(['1', '0.5', '.5', '10000', '0.000000001'].map(raise), [1e9, 5e8, 5e8, 1e13, 1]);
  for (const text of ['0', '0.0', '-1', '10000.01', 'NaN', 'Infinity', '1e3', '0x10', '', ' ', '1,5', '$1']) {
    assert.throws(
      () => raise(text),
      { message: /^expected US dollars, more than 0 and at most 10,000, got / },
      text,
    );
  }
});

test('a limit may be nothing at all, and at most a million', () => {
  assert.deepEqual(['0', '1000000'].map(limit), [0, 1e15]);
  for (const text of ['1000000.1', '-0.1', 'much'])
    assert.throws(() => limit(text), /expected US dollars/, text);
});
