/** The budgets of the house and of its keys, and how each stands in its present period. */

import { readConfig, type Shared } from '#shared/runtime/config.ts';
import type { Home } from '#shared/runtime/home.ts';
import type { Store } from '#shared/store/store.ts';
import * as accessKey from '#shared/tables/access_key.ts';
import * as spend from '#shared/tables/spend.ts';
import { type Caller, windowsOf } from '../../services/router/budget.ts';
import { config as router } from '../../services/router/config.ts';

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

export function houseConfig(home: Home) {
  const { shared, own } = readConfig(home.config, { name: 'router', section: router });
  return { budget: shared.budget, router: own };
}

const ANYONE: Caller = {
  name: 'cli',
  key: null,
  turn_id: null,
  conversation: null,
  task: null,
  unasked: true,
  step: null,
  day_nanousd: null,
};

/** The house's own windows: the hour's, the day's, the month's and that of unasked work. */
export function houseWindows(set: Shared['budget'], now: number): spend.Window[] {
  return windowsOf(set, ANYONE, now).filter(({ budget }) => budget !== 'alert');
}

export function keyWindows(set: Shared['budget'], key: accessKey.AccessKey, now: number): spend.Window[] {
  return windowsOf(set, { ...ANYONE, key }, now).filter(({ budget }) => budget.startsWith('key '));
}

/** Every window that limits anybody: the house's, and those of the keys in use. */
export async function allWindows(store: Store, set: Shared['budget'], now: number): Promise<spend.Window[]> {
  const keys = (await store.read(accessKey.all)).filter((key) => key.revoked_at === null);
  return [...houseWindows(set, now), ...keys.flatMap((key) => keyWindows(set, key, now))];
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
