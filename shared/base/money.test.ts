import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exact, NANO, usd } from './money.ts';

for (const [nanousd, said] of [
  [0, '$0.00'],
  [1, '$0.000000001'],
  [99, '$0.000000099'],
  [4_200_000, '$0.0042'],
  [1_000_000, '$0.0010'],
  [10_000_000, '$0.010'],
  [99_000_000, '$0.099'],
  [100_000_000, '$0.10'],
  [123_456_789, '$0.12'],
  [NANO, '$1.00'],
  [12.3 * NANO, '$12.30'],
  [1_000_000 * NANO, '$1000000.00'],
  [-4_200_000, '-$0.0042'],
  [-NANO, '-$1.00'],
] as const) {
  test(`${nanousd} nano-dollars are ${said}`, () => assert.equal(usd(nanousd), said));
}

test('no amount but nothing is shown as nothing', () => {
  for (let nanousd = 1; nanousd < NANO; nanousd = Math.ceil(nanousd * 1.7)) {
    assert.ok(Number(usd(nanousd).slice(1)) > 0, String(nanousd));
  }
});

test('a limit is shown to its last digit', () => {
  assert.deepEqual([0, 3e9, 1, 2_500_000_001, 1e15].map(exact), [
    '$0.00',
    '$3.00',
    '$0.000000001',
    '$2.500000001',
    '$1,000,000.00',
  ]);
});
