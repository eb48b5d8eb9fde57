/** Charts say in words what they show, and draw nothing that cannot be drawn. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bars, framed, meter, plot, sparkline, strip } from './chart.ts';

test('neighbours that say the same are one box, and the others keep their own words', () => {
  const up = { tone: 'good', say: 'up' } as const;
  const text = String(strip([up, up, { tone: 'bad', say: '03:00: down' }, up], 'a day'));
  assert.deepEqual(
    [...text.matchAll(/<rect class="(\w+)" x="([\d.]+)" width="([\d.]+)"/g)].map((found) => found.slice(1)),
    [
      ['good', '0', '50'],
      ['bad', '50', '25'],
      ['good', '75', '25'],
    ],
  );
  assert.match(text, /aria-label="a day"/);
  assert.match(text, /<title>03:00: down<\/title>/);
});

test('nothing, nought and too much are drawn as well', () => {
  const charts = [
    sparkline([], 'x'),
    sparkline([0], 'x'),
    bars([], 'x'),
    bars([{ name: 'a', value: 0, say: 'none' }], 'x'),
    strip([], 'x'),
    meter(7, 'x', 'bad', 9),
    meter(-1, 'x', 'good'),
    plot({ values: [], steps: 24, says: [], top: 0 }, 'x'),
    plot({ values: [5], steps: 24, says: ['5'], top: 1, guess: 9, limit: 99 }, 'x'),
  ];
  for (const chart of charts)
    assert.doesNotMatch(String(framed(chart, ['1'], ['0'])), /NaN|Infinity|undefined|="-/);
});

test('words in a chart are words', () => {
  const text = String(bars([{ name: '<b>', value: 1, say: '<script>"' }], '"><i>'));
  assert.doesNotMatch(text, /<script>|<b>|<i>/);
});
