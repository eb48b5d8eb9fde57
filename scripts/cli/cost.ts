import { styleText } from 'node:util';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { about, grouped } from '#shared/base/count.ts';
import { exact, usd } from '#shared/base/money.ts';
import { type Period, periodOf } from '#shared/base/period.ts';
import type { Standing } from '#shared/runtime/budgets.ts';
import { BY, type By, type Cost, costsBy, inputOf, lastDays, summed } from '#shared/runtime/costs.ts';
import { openHouse } from './house.ts';
import { count } from './money.ts';
import { bar, fitted, table } from './table.ts';

type Options = { by: By; today?: boolean; month?: boolean; days?: number; json?: boolean };

export function cost(program: Command): void {
  program
    .command('cost')
    .description('Show what the model calls cost.')
    .addOption(new Option('--by <what>', 'what the rows are').choices(BY).default('model'))
    .addOption(new Option('--today', 'since midnight (what --by hour shows)').conflicts(['month', 'days']))
    .addOption(new Option('--month', 'since the first of the month (what all others show)').conflicts('days'))
    .addOption(new Option('--days <n>', 'the last n days, today among them').argParser(days))
    .option('--json', 'print it for a program; money is in nano-USD')
    .addHelpText(
      'after',
      `
Examples:
  vigil cost                      this month, model by model
  vigil cost --by day             this month, day by day
  vigil cost --today --by task    what today's money went to
  vigil cost --days 7 --by key    the last week, client by client`,
    )
    .action(report);
}

function days(value: string): number {
  const number = count(value);
  if (number > 400) throw new InvalidArgumentError('expected at most 400, for longer nothing is kept');
  return number;
}

async function report(options: Options): Promise<void> {
  const { houseWindows, standings } = await import('#shared/runtime/budgets.ts');
  const { houseConfig } = await import('./settings.ts');
  const { home, store } = await openHouse();
  try {
    const now = systemClock.now();
    const budgets = await standings(store, houseWindows(houseConfig(home).budget, now));
    const span = spanOf(options, now);
    const rows = await costsBy(store, options.by, span, now);
    const all = summed('total', rows);
    if (options.json) {
      process.stdout.write(`${JSON.stringify({ by: options.by, span, rows, total: all, budgets })}\n`);
      return;
    }
    process.stdout.write(`${headline(budgets)}\n\n`);
    if (all.calls === 0) process.stdout.write(`No calls ${span.name}.\n`);
    else {
      process.stdout.write(
        `${span.name}, by ${options.by}:\n\n`.replace(/^./, (letter) => letter.toUpperCase()),
      );
      process.stdout.write(drawn(options.by, rows, all));
    }
  } finally {
    await store.close();
  }
}

/** What an owner wants to know first. */
function headline(budgets: readonly Standing[]): string {
  return [['day', 'today'] as const, ['hour', 'this hour'] as const, ['month', 'this month'] as const]
    .map(([name, words]) => {
      const { spent_nanousd = 0, limit_nanousd } = budgets.find((budget) => budget.name === name) ?? {};
      const text = `${words} ${usd(spent_nanousd)} of ${exact(limit_nanousd ?? 0)}`;
      return spent_nanousd >= 0.8 * (limit_nanousd ?? 0) ? styleText('yellow', text) : text;
    })
    .join(' · ');
}

function spanOf({ by, today, month, days }: Options, now: number): Period {
  const day = periodOf('day', now);
  if (days !== undefined && days > 1) {
    return { name: `in the last ${days} days`, ...lastDays(days, now) };
  }
  if (today || days === 1 || (by === 'hour' && !month)) return { ...day, name: 'today' };
  return { ...periodOf('month', now), name: 'this month' };
}

function drawn(by: By, rows: readonly Cost[], all: Cost): string {
  const most = Math.max(...rows.map((row) => row.cost_nanousd));
  const percent = (part: number, whole: number) => (whole > 0 ? `${Math.round((part / whole) * 100)}%` : '–');
  const columns = [by, '>cost', '>share', '', '>calls', '>tokens in', '>cached', '>out'];
  const cells = (row: Cost, width: number) => [
    row.name === '' ? '(none)' : row.name.replace(/\p{Cc}/gu, '?'), // a client may have named it
    usd(row.cost_nanousd),
    percent(row.cost_nanousd, all.cost_nanousd),
    row === all ? '' : styleText('cyan', bar(row.cost_nanousd / (most || 1), width)),
    grouped(row.calls),
    about(inputOf(row)),
    percent(row.cache_read_tokens, inputOf(row)),
    about(row.output_tokens),
  ];
  const notes = [
    ...(all.estimated_nanousd > 0 ? [`${usd(all.estimated_nanousd)} of it is estimated`] : []),
    ...(all.failures > 0 ? [`${grouped(all.failures)} of the calls failed`] : []),
    ...(all.web_searches > 0 ? [`${grouped(all.web_searches)} web searches are in it`] : []),
  ];
  const text = fitted(40, (width) =>
    table(
      columns,
      [...rows, all].map((row) => cells(row, width)),
    ),
  );
  return notes.length > 0 ? `${text}\n${notes.join('; ')}\n` : text;
}
