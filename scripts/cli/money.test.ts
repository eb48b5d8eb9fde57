import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limit, raise } from './money.ts';

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
