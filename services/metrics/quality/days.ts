/**
 * Keeps `quality` up to date: every few minutes the days that may have changed are counted anew, each in one commit. Those are
 * today and yesterday, days that were missed while nobody counted, and days of answers that were judged only now.
 */

import { dayBefore, type Period, periodOf } from '#shared/base/period.ts';
import type { Counts } from '#shared/metrics/quality.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as quality from '#shared/tables/quality.ts';
import * as total from '#shared/tables/total.ts';
import { countsOf } from './day.ts';

const EVERY_ms = 5 * 60_000;
/** What was longer ago and nobody has counted is not made up for. */
const BACK_days = 60;

type Counter = Pick<Context<unknown>, 'store' | 'clock'>;

export function days(ctx: Context<unknown>): void {
  let stale: Period[] = [];
  let again_at = 0;
  ctx.work<Period>({
    name: 'quality',
    async look() {
      if (stale.length === 0 && ctx.clock.mono() >= again_at) {
        again_at = ctx.clock.mono() + EVERY_ms;
        stale = await staleDays(ctx);
      }
      return stale[0];
    },
    async act(day) {
      await count(ctx, day);
      stale = stale.filter((one) => one !== day);
    },
    idle_ms: 30_000,
  });
}

/** The oldest first, so that one that is missed is found again. */
export async function staleDays({ store, clock }: Counter): Promise<Period[]> {
  const now = clock.now();
  const yesterday = dayBefore(now, 1);
  const [[newest], [first], late] = await Promise.all([
    store.read(quality.newest),
    store.read(total.first),
    store.read(quality.judgedLate(yesterday.starts_at)),
  ]);
  const from_at = Math.max(newest?.day_at ?? first?.hour_at ?? now, dayBefore(now, BACK_days).starts_at);
  const found = new Map<number, Period>();
  const add = (day: Period) => found.set(day.starts_at, day);
  for (const { at } of late) add(periodOf('day', at));
  for (let back = 0; back <= BACK_days; back += 1) {
    const day = dayBefore(now, back);
    if (back < 2 || day.ends_at > from_at) add(day);
  }
  return [...found.values()].sort((a, b) => a.starts_at - b.starts_at);
}

/** Writes nothing when nothing has changed. */
export async function count({ store, clock }: Counter, { starts_at, ends_at }: Period): Promise<void> {
  const [models, before] = await Promise.all([
    countsOf(store.read, { starts_at, ends_at }, clock.now()),
    store.read(quality.between(starts_at, ends_at)),
  ]);
  const rows = [...models].flatMap(([model, counts]) => rowsOf(model, counts));
  const known = new Map(
    before
      .filter(({ day_at }) => day_at === starts_at)
      .map(({ model, name, value }) => [`${name} ${model}`, value]),
  );
  const same =
    rows.length === before.length &&
    rows.every(({ model, name, value }) => known.get(`${name} ${model}`) === value);
  if (!same) await store.commit(quality.put(starts_at, ends_at, rows));
}

function rowsOf(model: string, counts: Counts) {
  return Object.entries(counts)
    .filter(([, value]) => value !== 0)
    .map(([name, value]) => ({ model, name, value }));
}
