/** The budgets of the house and of its keys: the periods that limit a call, and how each stands now. */

import { nanousdOf } from '../base/money.ts';
import { type PeriodKind, periodOf } from '../base/period.ts';
import type { Store } from '../store/store.ts';
import * as accessKey from '../tables/access_key.ts';
import * as spend from '../tables/spend.ts';
import type { Shared } from './config.ts';

export type Budget = Shared['budget'];

/** The period of a budget in which `now` falls. */
export function windowOf(
  budget: string,
  kind: PeriodKind,
  now: number,
  limit: { nanousd: number | null; calls?: number | null },
): spend.Window {
  const { starts_at, ends_at } = periodOf(kind, now);
  const id = spend.windowId(budget, kind, now);
  return { id, budget, starts_at, ends_at, limit_nanousd: limit.nanousd, limit_calls: limit.calls ?? null };
}

/** What every call counts in. */
export function commonWindows(set: Budget, now: number): spend.Window[] {
  return [
    windowOf('hour', 'hour', now, { nanousd: nanousdOf(set.hour_usd), calls: set.calls_per_hour }),
    windowOf('day', 'day', now, { nanousd: nanousdOf(set.day_usd) }),
    windowOf('month', 'month', now, { nanousd: nanousdOf(set.month_usd) }),
  ];
}

/** What work that nobody asked for counts in besides. */
export function unaskedWindow(set: Budget, now: number): spend.Window {
  const nanousd = Math.floor((nanousdOf(set.day_usd) * set.unasked_percent) / 100);
  return windowOf('unasked', 'day', now, { nanousd });
}

/** What the calls of a client count in besides. */
export function keyWindows(key: accessKey.AccessKey, now: number): spend.Window[] {
  const { name, hour_nanousd, calls_per_hour, day_nanousd, month_nanousd } = key;
  const windows: spend.Window[] = [];
  if (hour_nanousd !== null || calls_per_hour !== null) {
    windows.push(windowOf(`key ${name} hour`, 'hour', now, { nanousd: hour_nanousd, calls: calls_per_hour }));
  }
  if (day_nanousd !== null) windows.push(windowOf(`key ${name} day`, 'day', now, { nanousd: day_nanousd }));
  if (month_nanousd !== null)
    windows.push(windowOf(`key ${name} month`, 'month', now, { nanousd: month_nanousd }));
  return windows;
}

export function houseWindows(set: Budget, now: number): spend.Window[] {
  return [...commonWindows(set, now), unaskedWindow(set, now)];
}

/** Every window that limits anybody: the house's, and those of the keys in use. */
export async function allWindows(store: Store, set: Budget, now: number): Promise<spend.Window[]> {
  const keys = (await store.read(accessKey.all)).filter((key) => key.revoked_at === null);
  return [...houseWindows(set, now), ...keys.flatMap((key) => keyWindows(key, now))];
}

/** One period of one budget, with what was added to it in its limit. */
export type Standing = spend.Window & {
  /** As the budget is called on the command line: `day`, `unasked`, `key:laptop:day`. */
  name: string;
  added_nanousd: number;
  spent_nanousd: number;
  held_nanousd: number;
  /** null: there is no limit. */
  left_nanousd: number | null;
  calls: number;
};

/** One whose money is limited, period by period. */
export type Capped = Standing & { limit_nanousd: number; left_nanousd: number; ends_at: number };

export function isCapped(budget: Standing): budget is Capped {
  return budget.limit_nanousd !== null && budget.ends_at !== null;
}

/** A window's own row knows the limit of its last call only: the limit in force is that of the config, and what was added. */
export async function standings(store: Store, windows: readonly spend.Window[]): Promise<Standing[]> {
  const ids = windows.map(({ id }) => id);
  const rows = new Map((await store.read(spend.of(ids))).map((row) => [row.id, row]));
  const added = new Map((await store.read(spend.added(ids))).map(({ id, nanousd }) => [id, nanousd]));
  return windows.map((window) => {
    const { spent_nanousd = 0, held_nanousd = 0, calls = 0 } = rows.get(window.id) ?? {};
    const added_nanousd = added.get(window.id) ?? 0;
    const limit_nanousd = window.limit_nanousd === null ? null : window.limit_nanousd + added_nanousd;
    const left_nanousd =
      limit_nanousd === null ? null : Math.max(0, limit_nanousd - spent_nanousd - held_nanousd);
    return {
      name: window.budget.replaceAll(' ', ':'),
      ...window,
      limit_nanousd,
      added_nanousd,
      spent_nanousd,
      held_nanousd,
      left_nanousd,
      calls,
    };
  });
}

/** `15:00`, `midnight`, `1 December`. */
export function until(ends_at: number, now: number): string {
  if (ends_at - now <= 25 * 3_600_000) return clockTime(ends_at); // the longest day
  return new Date(ends_at).toLocaleDateString('en-GB', { day: 'numeric', month: 'long' });
}

function clockTime(at: number): string {
  const local = new Date(at);
  const [hours, minutes] = [local.getHours(), local.getMinutes()];
  if (hours === 0 && minutes === 0) return 'midnight';
  return `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
}
