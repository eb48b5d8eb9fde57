/** What the model calls came to, by model, task, client … over some days: for the command line and the console. */

import { type Period, type PeriodKind, periodOf } from '../base/period.ts';
import type { Store } from '../store/store.ts';
import * as total from '../tables/total.ts';

export const BY = ['model', 'task', 'alias', 'key', 'conversation', 'day', 'hour'] as const;
export type By = (typeof BY)[number];

export type Cost = total.Sums & { name: string };

/** The dearest first; days and hours as they came, those without a call too. */
export async function costsBy(
  store: Store,
  by: By,
  span: Pick<Period, 'starts_at' | 'ends_at'>,
  now: number,
): Promise<Cost[]> {
  if (by !== 'day' && by !== 'hour') {
    const rows = await store.read(total.by(by, span.starts_at, span.ends_at));
    return rows.sort((a, b) => b.cost_nanousd - a.cost_nanousd || b.calls - a.calls);
  }
  const hours = await store.read(total.by('hour', span.starts_at, span.ends_at));
  const end = Math.min(span.ends_at, now + 1);
  return periodsOf(by, span.starts_at, end).map(({ name, starts_at, ends_at }) =>
    summed(
      name,
      hours.filter((hour) => hour.name >= starts_at && hour.name < ends_at),
    ),
  );
}

/** The days or hours of a span. An hour that a clock set back repeats is there twice. */
function periodsOf(kind: PeriodKind, from_at: number, to_at: number): Period[] {
  const periods: Period[] = [];
  for (let at = from_at; at < to_at; at = periodOf(kind, at).ends_at) {
    const period = periodOf(kind, at);
    const local = `${periodOf('day', at).name} ${String(new Date(at).getHours()).padStart(2, '0')}:00`;
    periods.push({ ...period, starts_at: at, name: kind === 'hour' ? local : period.name });
  }
  return periods;
}

export function summed(name: string, rows: readonly total.Sums[]): Cost {
  const of = (key: keyof total.Sums) => rows.reduce((so_far, row) => so_far + row[key], 0);
  // Object.fromEntries forgets the names of its keys.
  return { name, ...(Object.fromEntries(total.SUMS.map((key) => [key, of(key)])) as total.Sums) };
}

/** All that a model was given to read, from a cache or not. */
export function inputOf(row: total.Sums): number {
  return row.input_tokens + row.cache_read_tokens + row.cache_write_5m_tokens + row.cache_write_1h_tokens;
}

/** The last so many days, today among them. */
export function lastDays(days: number, now: number): Pick<Period, 'starts_at' | 'ends_at'> {
  const first = new Date(now);
  first.setDate(first.getDate() - (days - 1));
  return { starts_at: periodOf('day', first.getTime()).starts_at, ends_at: periodOf('day', now).ends_at };
}
