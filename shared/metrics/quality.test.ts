import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeInWords, figureIn, figures, inWords, summed } from './quality.ts';

const figure = (name: string) => {
  const found = figures.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
};

test('a figure of nothing is none, and one of something that came to nothing is 0', () => {
  assert.equal(figureIn(figure('satisfied_share'), {}), null);
  assert.equal(figureIn(figure('satisfied_share'), { down: 2 }), 0);
  assert.equal(figureIn(figure('made_up_per_100_calls'), { suspect: 1 }), null);
  assert.equal(figureIn(figure('made_up_per_100_calls'), { calls: 1 }), 0);
  assert.equal(figureIn(figure('tokens_over_usual_share'), { tokens_so_far: 5 }), null);
  assert.equal(
    figureIn(figure('tokens_over_usual_share'), { tokens_so_far: 12, tokens_usual: 10 })?.toFixed(2),
    '0.20',
  );
  assert.equal(figureIn(figure('cost_per_message_usd'), { cost_nanousd: 1e9 }), null);
});

test('counts of days add up before anything is worked out of them', () => {
  const row = (day_at: number, name: string, value: number, model = '') => ({ day_at, model, name, value });
  const rows = [row(1, 'up', 1), row(1, 'down', 9), row(2, 'up', 10), row(2, 'up', 3, 'm')];
  assert.deepEqual(Object.fromEntries(summed(rows)), { '': { up: 11, down: 9 }, m: { up: 3 } });
});

test('a share is whole only when all of it is, and nothing only when there is none', () => {
  const words = (share: number) => inWords({ unit: 'share' }, share);
  assert.deepEqual([0, 0.001, 0.5, 0.999, 1].map(words), ['0 %', '1 %', '50 %', '99 %', '100 %']);
});

test('times, money and changes are told in their own words', () => {
  assert.deepEqual(
    [0.34, 9.94, 10.4, 119, 120, 3600].map((s) => inWords({ unit: 'seconds' }, s)),
    ['0.3 s', '9.9 s', '10 s', '119 s', '2 min', '60 min'],
  );
  assert.equal(inWords({ unit: 'usd' }, 0.0042), '$0.0042');
  assert.equal(inWords({ unit: 'per 100' }, 0.25), '0.3');
  assert.equal(inWords({ unit: 'per 100' }, 0), '0');
  assert.equal(inWords({ unit: 'change' }, -0.304), '−30 %');
  assert.equal(changeInWords({ unit: 'share' }, 0.5, 0.53), '+3 points');
  assert.equal(changeInWords({ unit: 'share' }, 0.5, 0.501), 'the same');
  assert.equal(changeInWords({ unit: 'usd' }, 0.02, 0.01), '−50 %');
  assert.equal(changeInWords({ unit: 'usd' }, 0.02, 0.02), 'the same');
  assert.equal(changeInWords({ unit: 'usd' }, 0, 0.01), null);
});
