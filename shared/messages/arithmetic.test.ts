import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calculate } from './arithmetic.ts';

test('sums follow the usual precedence', () => {
  for (const [expression, value] of [
    ['12*7', 84],
    ['2+3*4', 14],
    ['(2+3)*4', 20],
    ['10-3-2', 5],
    ['2^3^2', 512],
    ['2**3', 8],
    ['-2^2', -4],
    ['2^-1', 0.5],
    ['8/4/2', 1],
    ['7 % 4', 3],
    ['1,000 × 3 ÷ 2', 1500],
    ['.5 + 1.25', 1.75],
    ['--3', 3],
    ['1/0', Number.POSITIVE_INFINITY],
  ] as const) {
    assert.equal(calculate(expression), value, expression);
  }
});

test('what is no sum has no value', () => {
  for (const text of ['', '2+', '(2', '2)', '2 3', '1.2.3', 'a+1', '*2', '()', '1;2', 'process.exit()']) {
    assert.equal(calculate(text), undefined, text);
  }
});

test('a very deep sum is declined rather than overflowing the stack', () => {
  assert.equal(calculate('('.repeat(100_000)), undefined);
  assert.equal(calculate('-'.repeat(199) + 1), -1);
  assert.equal(calculate('-'.repeat(200) + 1), undefined);
});
