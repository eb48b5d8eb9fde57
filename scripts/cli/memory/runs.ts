/** `vigil memory runs`: each pass over what was said, what it brought and what it cost. */

import { about } from '#shared/base/count.ts';
import { excerpt } from '#shared/base/excerpt.ts';
import { usd } from '#shared/base/money.ts';
import * as memory_change from '#shared/tables/memory_change.ts';
import * as memory_run from '#shared/tables/memory_run.ts';
import { harmless, timeOf } from '../explain.ts';
import { openHouse } from '../house.ts';
import { table } from '../table.ts';
import { knownRun } from './wish.ts';

type Options = { limit: number; json?: boolean };
type Row = memory_run.Run & { learnt: number; changed: number };

export async function listRuns(id: number | undefined, options: Options): Promise<void> {
  const { store } = await openHouse();
  try {
    const runs =
      id === undefined ? await store.read(memory_run.latest(options.limit)) : [await knownRun(store, id)];
    const counts = await store.read(memory_change.counts(runs.map((run) => run.id)));
    const rows = runs.map(({ answer_json: _, ...run }) => ({
      ...run,
      answer_json: null,
      ...memory_change.tally(run.id, counts),
    }));
    const changes = id === undefined ? undefined : await store.read(memory_change.ofRun(id));
    if (options.json)
      process.stdout.write(`${JSON.stringify(changes ? { ...rows[0], what: changes } : rows)}\n`);
    else if (rows.length === 0) process.stdout.write('There was no run yet.\n');
    else process.stdout.write(drawn(rows) + (changes ? `\n${changed(changes)}` : ''));
  } finally {
    await store.close();
  }
}

function drawn(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    String(row.id),
    timeOf(row.created_at).slice(0, 16),
    row.how,
    row.state,
    harmless(row.conversation),
    `${row.learnt}`,
    `${row.changed}`,
    row.rejected === null ? '–' : `${row.rejected}`,
    row.tokens === null ? '–' : about(row.tokens),
    row.cost_nanousd === null ? '–' : usd(row.cost_nanousd),
    harmless(excerpt(row.problem ?? '')),
  ]);
  const columns = ['>id', 'begun', 'how', 'state', 'conversation', '>new', '>changed', '>rejected'];
  return table([...columns, '>tokens', '>cost', 'problem'], cells);
}

function changed(changes: readonly (memory_change.Change & { text: string; status: string })[]): string {
  if (changes.length === 0) return 'It changed nothing.\n';
  const cells = changes.map(({ op, memory_id, other_id, status, text }) => [
    other_id === null ? op : `${op} (#${other_id})`,
    `#${memory_id}`,
    status,
    harmless(excerpt(text)),
  ]);
  return table(['change', '>id', 'now', 'what'], cells);
}
