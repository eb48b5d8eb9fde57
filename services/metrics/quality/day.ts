/** One day, counted from the rows that the others write anyway. Counted again, it comes to the same. */

import { dayBefore, type Period, periodOf } from '#shared/base/period.ts';
import { ALL, type Counts } from '#shared/metrics/quality.ts';
import type { Store } from '#shared/store/store.ts';
import * as quality from '#shared/tables/quality.ts';
import * as total from '#shared/tables/total.ts';

/** What was usual is told from so many days before, on which there was any use, and from no fewer than the least. */
const USUAL_days = { most: 7, least: 3 };

type Day = Pick<Period, 'starts_at' | 'ends_at'>;

/** By model; `ALL` is what all of them come to, with what is no model's. */
export async function countsOf(
  read: Store['read'],
  day: Day,
  now: number,
): Promise<ReadonlyMap<string, Counts>> {
  const { starts_at, ends_at } = day;
  const [answers, held, decisions, works, hours] = await Promise.all([
    read(quality.answers(starts_at, ends_at)),
    read(quality.held(starts_at, ends_at)),
    read(quality.decisions(starts_at, ends_at)),
    read(quality.works(starts_at, ends_at)),
    read(total.hours(dayBefore(starts_at, USUAL_days.most).starts_at, ends_at)),
  ]);
  const all: Counts = {};
  const models = new Map([[ALL, all]]);
  const add = (model: string, counts: Counts) => {
    for (const sums of model === ALL ? [all] : [all, countsIn(models, model)])
      for (const [name, value] of entries(counts)) sums[name] = (sums[name] ?? 0) + value;
  };
  for (const { model, ...counts } of [...answers, ...held, ...decisions]) add(model, counts);
  for (const { hour_at, model, calls, tokens, cost_nanousd } of hours)
    if (hour_at >= starts_at) add(model, { calls, tokens, cost_nanousd });
  for (const { kind, state, count } of works) add(ALL, { [`${kind}_${state}`]: count });
  for (const [model, counts] of models)
    Object.assign(
      counts,
      againstUsual(
        hours.filter((hour) => model === ALL || hour.model === model),
        day,
        now,
      ),
    );
  return models;
}

function countsIn(models: Map<string, Counts>, model: string): Counts {
  const known = models.get(model) ?? {};
  models.set(model, known);
  return known;
}

const entries = (counts: Counts) => Object.entries(counts) as [keyof Counts, number][];

/** The hours of the day that are over, against the same hours of the days before it. */
export function againstUsual(
  hours: readonly Pick<total.Hour, 'hour_at' | 'tokens'>[],
  { starts_at, ends_at }: Day,
  now: number,
): Counts {
  const until_at = Math.min(ends_at, periodOf('hour', Math.max(now, starts_at)).starts_at);
  const used = (from_at: number, to_at: number) =>
    hours.reduce(
      (sum, { hour_at, tokens }) => (hour_at >= from_at && hour_at < to_at ? sum + tokens : sum),
      0,
    );
  const usual: number[] = [];
  for (let back = 1; back <= USUAL_days.most; back += 1) {
    const day = dayBefore(starts_at, back);
    if (used(day.starts_at, day.ends_at) === 0) continue;
    usual.push(used(day.starts_at, until_at === ends_at ? day.ends_at : sameTime(day, until_at)));
  }
  if (until_at <= starts_at || usual.length < USUAL_days.least) return {};
  return {
    tokens_so_far: used(starts_at, until_at),
    tokens_usual: usual.reduce((sum, tokens) => sum + tokens, 0) / usual.length,
  };
}

/** When the clock on the wall shows the same on another day. */
function sameTime({ starts_at }: Day, at: number): number {
  const [day, local] = [new Date(starts_at), new Date(at)];
  return new Date(
    day.getFullYear(),
    day.getMonth(),
    day.getDate(),
    local.getHours(),
    local.getMinutes(),
  ).getTime();
}
