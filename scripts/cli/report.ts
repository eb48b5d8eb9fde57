/** How good the answers were: today or this week, against what was before, with the days that led there. */

import { styleText } from 'node:util';
import { Argument, type Command, Option } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { about, grouped } from '#shared/base/count.ts';
import { usd } from '#shared/base/money.ts';
import { dayBefore } from '#shared/base/period.ts';
import {
  ALL,
  type Counts,
  changeInWords,
  type Figure,
  figureIn,
  figures,
  inWords,
  numberOf,
  summed,
  UNUSUAL,
} from '#shared/metrics/quality.ts';
import * as answer_check from '#shared/tables/answer_check.ts';
import * as quality from '#shared/tables/quality.ts';
import { harmless } from './explain.ts';
import { openHouse } from './house.ts';
import { table } from './table.ts';

const DAYS = { day: 1, week: 7 } as const;
/** So many days are drawn. */
const DRAWN = 14;
const NO_DATA = 'no data';
/** So many answers that nothing bears out are named. */
const MOST_named = 3;

type Span = keyof typeof DAYS;
type Options = { json?: boolean; by?: 'model' };

export function report(program: Command): void {
  program
    .command('report')
    .description('Show how good the answers were, and what they cost.')
    .addArgument(
      new Argument('[span]', 'today, or the last seven days, today among them')
        .choices(Object.keys(DAYS))
        .default('day'),
    )
    .addOption(new Option('--by <what>', 'a row for each').choices(['model']))
    .option('--json', 'print it for a program')
    .action(print);
}

async function print(span: Span, options: Options): Promise<void> {
  const { store } = await openHouse();
  try {
    const now = systemClock.now();
    const length = DAYS[span];
    const from = (back: number) => dayBefore(now, back).starts_at;
    const rows = await store.read(quality.between(from(Math.max(DRAWN, 2 * length) - 1), from(-1)));
    const within = (from_at: number, to_at: number) =>
      summed(rows.filter(({ day_at }) => day_at >= from_at && day_at < to_at));
    const found: Found = {
      span,
      present: within(from(length - 1), from(-1)),
      before: within(from(2 * length - 1), from(length - 1)),
      unsupported: await store.read(answer_check.unsupported(from(length - 1), MOST_named)),
      days: Array.from({ length: DRAWN }, (_, nth) => {
        const back = DRAWN - 1 - nth;
        return { name: dayBefore(now, back).name, models: within(from(back), from(back - 1)) };
      }),
    };
    process.stdout.write(
      options.json
        ? `${JSON.stringify(told(found, options))}\n`
        : options.by === 'model'
          ? byModel(found)
          : drawn(found),
    );
  } finally {
    await store.close();
  }
}

type Models = ReadonlyMap<string, Counts>;
type Found = {
  span: Span;
  present: Models;
  before: Models;
  days: { name: string; models: Models }[];
  unsupported: { turn_id: string }[];
};

const SPAN = { day: ['today', 'yesterday'], week: ['these 7 days', 'the 7 before'] } as const;

function drawn({ span, present, before, days, unsupported }: Found): string {
  const [counts, earlier] = [present.get(ALL) ?? {}, before.get(ALL) ?? {}];
  const rows = figures.map((figure) => {
    const [value, was] = [figureIn(figure, counts), figureIn(figure, earlier)];
    const line = days.map(({ models }) => figureIn(figure, models.get(ALL) ?? {}));
    return [
      figure.title,
      value === null ? styleText('dim', NO_DATA) : inWords(figure, value),
      was === null ? styleText('dim', NO_DATA) : inWords(figure, was),
      value === null || was === null ? '' : changed(figure, was, value),
      styleText('cyan', sparkline(line)),
      value === null ? '' : `${amount(numberOf(figure, counts))} ${figure.of}`,
    ];
  });
  const [now, then] = SPAN[span];
  const text = table(['', `>${now}`, `>${then}`, '>change', `last ${DRAWN} days`, 'of'], rows);
  const notes = notesOn(counts, present, unsupported);
  return `${text}${notes === '' ? '' : `\n${notes}\n`}`;
}

/** What the figures are made of, as far as a person can do something about it. */
function notesOn(counts: Counts, present: Models, unsupported: Found['unsupported']): string {
  if (present.size === 0)
    return 'Nothing is counted of this time: the service metrics does so, when it runs.';
  const { cost_nanousd = 0, up = 0, down = 0, checked = 0, tokens = 0 } = counts;
  const usual = figures.find(({ unit }) => unit === 'change');
  const over = usual && figureIn(usual, counts);
  const parts = (['cut', 'failed', 'cancelled', 'held'] as const).flatMap((name) =>
    counts[name] ? [`${grouped(counts[name])} ${ENDS[name]}`] : [],
  );
  const doubts = (['made_up', 'unsupported', 'pretended', 'invented'] as const).flatMap((name) =>
    counts[name] ? [`${grouped(counts[name])} ${DOUBTS[name]}`] : [],
  );
  return [
    `${usd(cost_nanousd)} for ${about(tokens)} tokens · 👍 ${up} 👎 ${down} · ${grouped(checked)} answers checked`,
    ...(parts.length > 0 ? [`Not completed: ${parts.join(', ')}.`] : []),
    ...(doubts.length > 0 ? [`Made up: ${doubts.join(', ')}.`] : []),
    ...unsupported.map(({ turn_id }) => `Not borne out: vigil explain ${turn_id}`),
    ...(over !== null && over !== undefined && over > UNUSUAL
      ? [styleText('yellow', `Tokens are more than ${UNUSUAL * 100} % above the usual.`)]
      : []),
  ].join('\n');
}

const ENDS = {
  cut: 'cut off at a bound',
  failed: 'given up',
  cancelled: 'stopped by somebody',
  held: 'waiting for you',
} as const;

const DOUBTS = {
  made_up: 'by your word',
  unsupported: 'not borne out by its sources',
  pretended: 'claimed a call of a tool',
  invented: 'wanted a tool that there is none of',
} as const;

/** Each model, the dearest first. */
const dearest = (models: Models) =>
  [...models]
    .filter(([model]) => model !== ALL)
    .sort(([, a], [, b]) => (b.cost_nanousd ?? 0) - (a.cost_nanousd ?? 0));

function byModel({ span, present }: Found): string {
  const models = dearest(present);
  if (models.length === 0) return `No model was used ${SPAN[span][0]}, or nothing is counted of it yet.\n`;
  const shown = figures.filter((figure) => models.some(([, counts]) => figureIn(figure, counts) !== null));
  const rows = models.map(([model, counts]) => [
    harmless(model),
    usd(counts.cost_nanousd ?? 0),
    ...shown.map((figure) => {
      const value = figureIn(figure, counts);
      const n = figure.name === 'satisfied_share' ? ` (${numberOf(figure, counts)})` : '';
      return value === null ? styleText('dim', '–') : `${inWords(figure, value)}${n}`;
    }),
  ]);
  return table(['model', '>cost', ...shown.map(({ title }) => `>${title}`)], rows);
}

function told({ span, present, before, days }: Found, { by }: Options) {
  const worked = (counts: Counts = {}) => ({
    figures: Object.fromEntries(
      figures.map((figure) => [
        figure.name,
        { value: figureIn(figure, counts), n: numberOf(figure, counts) },
      ]),
    ),
    counts,
  });
  const all = (models: Models) => worked(models.get(ALL));
  return {
    span,
    present: all(present),
    before: all(before),
    days: days.map(({ name, models }) => ({ name, ...all(models) })),
    ...(by === 'model' && {
      models: dearest(present).map(([model, counts]) => ({ model, ...worked(counts) })),
    }),
  };
}

function changed(figure: Figure, was: number, value: number): string {
  const words = changeInWords(figure, was, value);
  if (words === null || words === 'the same' || figure.better === null) return words ?? '';
  return styleText(value > was === (figure.better === 'more') ? 'green' : 'red', words);
}

const amount = (n: number) => (n < 100_000 ? grouped(Math.round(n)) : about(n));

const BLOCKS = '▁▂▃▄▅▆▇█';

/** A line of blocks from the least to the most; what is not known is a dot. */
export function sparkline(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  return values
    .map((value) => {
      if (value === null) return '·';
      const height = most === least ? 0.5 : (value - least) / (most - least);
      return BLOCKS[Math.min(BLOCKS.length - 1, Math.floor(height * BLOCKS.length))];
    })
    .join('');
}
