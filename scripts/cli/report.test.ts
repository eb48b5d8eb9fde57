import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { dayBefore } from '#shared/base/period.ts';
import { openStore } from '#shared/store/store.ts';
import * as quality from '#shared/tables/quality.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';
import { sparkline } from './report.ts';

// Far from UTC, so that a day of the report can only be a local one.
process.env.TZ = 'Pacific/Auckland';

/** A home in which these counts are written, `[days back, model, counts]`. */
async function counted(t: TestContext, ...days: [number, string, Record<string, number>][]) {
  const { home } = await quietHome(t);
  const store = await openStore({ directory: home.state, principal: 'metrics', flush: 'normal' });
  const rows = Map.groupBy(days, ([back]) => back);
  for (const [back, some] of rows) {
    const { starts_at, ends_at } = dayBefore(Date.now(), back);
    const values = some.flatMap(([, model, counts]) =>
      Object.entries(counts).map(([name, value]) => ({ model, name, value })),
    );
    await store.commit(quality.put(starts_at, ends_at, values));
  }
  await store.close();
  return home;
}

const lineOf = (text: string, title: string) =>
  text
    .split('\n')
    .find((line) => line.startsWith(title))
    ?.split(/ {2,}/);

test('where nothing is counted it says so, and shows no 0', async (t) => {
  const { code, stdout } = await vigil(await counted(t), ['report']);
  assert.equal(code, 0);
  assert.deepEqual(lineOf(stdout, 'satisfied'), ['satisfied', 'no data', 'no data', '·'.repeat(14)]);
  assert.doesNotMatch(stdout, /\b0 %|\$0/);
  assert.match(stdout, /Nothing is counted of this time/);
});

test('today is held against yesterday, with the days that led there and what each figure rests on', async (t) => {
  const home = await counted(
    t,
    [0, '', { messages: 10, cost_nanousd: 1e8, answered: 9, failed: 1, held: 0, up: 3, down: 1, made_up: 1 }],
    [0, '', {}],
    [1, '', { messages: 10, cost_nanousd: 2e8, answered: 10, up: 1, down: 1 }],
    [13, '', { messages: 10, cost_nanousd: 1e8, answered: 10 }],
    [14, '', { up: 1 }],
  );
  const { stdout } = await vigil(home, ['report', 'day']);
  assert.deepEqual(lineOf(stdout, 'cost per message'), [
    'cost per message',
    '$0.010',
    '$0.020',
    '−50 %',
    '▁···········█▁',
    '10 messages answered',
  ]);
  assert.deepEqual(lineOf(stdout, 'satisfied'), [
    'satisfied',
    '75 %',
    '50 %',
    '+25 points',
    '············▁█',
    '4 ratings',
  ]);
  assert.match(stdout, /Not completed: 1 given up\.\nMade up: 1 by your word\./);
});

test('a week adds up its days, and is held against the one before', async (t) => {
  const home = await counted(
    t,
    [0, '', { up: 1, tokens_so_far: 130, tokens_usual: 100 }],
    [6, '', { up: 1, down: 2, tokens_so_far: 120, tokens_usual: 100 }],
    [7, '', { up: 9, down: 1 }],
    [13, '', { up: 0, down: 10 }],
    [14, '', { up: 1000 }],
  );
  const { stdout } = await vigil(home, ['report', 'week']);
  assert.deepEqual(lineOf(stdout, 'satisfied')?.slice(1, 4), ['50 %', '45 %', '+5 points']);
  assert.deepEqual(lineOf(stdout, 'tokens against usual')?.slice(1, 3), ['+25 %', 'no data']);
  assert.match(stdout, /Tokens are more than 20 % above the usual/);
});

test('--by model has a row for each, the dearest first; a program gets it all as numbers', async (t) => {
  const home = await counted(
    t,
    [0, '', { messages: 3, cost_nanousd: 3e9, answered: 3 }],
    [0, 'cheap\x1b', { messages: 2, cost_nanousd: 1e9, answered: 2 }],
    [0, 'dear', { messages: 1, cost_nanousd: 2e9, answered: 1, up: 1 }],
  );
  const { stdout } = await vigil(home, ['report', '--by', 'model']);
  const [, first, second] = stdout.split('\n').map((line) => line.split(/ {2,}/));
  assert.deepEqual(first?.slice(0, 5), ['dear', '$2.00', '$2.00', '100 %', '100 % (1)']);
  assert.deepEqual(second?.slice(0, 5), ['cheap?', '$1.00', '$0.50', '100 %', '–']);
  const json = JSON.parse((await vigil(home, ['report', 'week', '--json', '--by', 'model'])).stdout);
  assert.deepEqual(json.present.figures.cost_per_message_usd, { value: 1, n: 3 });
  assert.deepEqual(json.present.figures.satisfied_share, { value: null, n: 0 });
  assert.equal(json.days.length, 14);
  assert.deepEqual(
    json.models.map(({ model, counts }: { model: string; counts: { messages: number } }) => [
      model,
      counts.messages,
    ]),
    [
      ['dear', 1],
      ['cheap\x1b', 2],
    ],
  );
  const wrong = await vigil(home, ['report', 'month']);
  assert.equal(wrong.code, 64);
});

test('a line goes from the least to the most, and what is not known is a dot', () => {
  assert.equal(sparkline([0, 1, 2, 3, 4, 5, 6, 7]), '▁▂▃▄▅▆▇█');
  assert.equal(sparkline([null, 5, null]), '·▅·');
  assert.equal(sparkline([null]), '·');
});
