import { type Command, InvalidArgumentError } from 'commander';
import { systemClock } from '#shared/base/clock.ts';
import { excerpt } from '#shared/base/excerpt.ts';
import { usd } from '#shared/base/money.ts';
import * as decision from '#shared/tables/decision.ts';
import { spanOf } from '../../services/core/controls/task.ts';
import { harmless, timeOf } from './explain.ts';
import { openHouse } from './house.ts';
import { count } from './money.ts';
import { table } from './table.ts';

type Options = { since: number; action: string; limit: number; json?: boolean };

export function decisions(program: Command): void {
  program
    .command('decisions')
    .description('List what was decided, the latest first, and why.')
    .option('--since <time>', 'how far back, as in 30m, 12h or 7d', span, span('1d'))
    .option('--action <action>', "only those that begin so: answer, tool, 'tool read_file', stop …", '')
    .option('--limit <n>', 'at most so many', count, 20)
    .option('--json', 'print it for a program')
    .addHelpText('after', '\nvigil explain <id> tells the whole of one.')
    .action(async (options: Options) => {
      const { store } = await openHouse();
      try {
        const from_at = systemClock.now() - options.since;
        const rows = await store.read(decision.latest(from_at, options.action, options.limit));
        process.stdout.write(options.json ? `${JSON.stringify(rows)}\n` : drawn(rows));
      } finally {
        await store.close();
      }
    });
}

/** An id's first part is the millisecond in which it was made: enough to tell it by. */
const SHORT_ID = 13;

function drawn(rows: readonly (decision.Decision & { cost_nanousd: number | null })[]): string {
  if (rows.length === 0) return 'Nothing was decided.\n';
  const cells = rows.map((row) => [
    row.id.slice(0, SHORT_ID),
    timeOf(row.at),
    harmless(row.action),
    row.confidence === null ? '–' : String(row.confidence),
    row.cost_nanousd === null ? '–' : usd(row.cost_nanousd),
    harmless(row.model ?? '–'),
    harmless(excerpt(row.reasoning ?? row.subject_json ?? '')),
  ]);
  return table(['id', 'time', 'action', '>confidence', '>cost', 'model', 'why'], cells);
}

function span(value: string): number {
  const ms = spanOf(value);
  if (!ms) throw new InvalidArgumentError(`expected a time as in 30m, 12h or 7d, got '${value}'`);
  return ms;
}
