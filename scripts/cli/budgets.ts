/** The budgets of the house and of its keys, and how each stands in its present period. */

import { PERIODS, type PeriodKind, periodOf } from '#shared/base/period.ts';
import { readConfig, type Shared } from '#shared/runtime/config.ts';
import type { Home } from '#shared/runtime/home.ts';
import type { Store } from '#shared/store/store.ts';
import * as accessKey from '#shared/tables/access_key.ts';
import * as spend from '#shared/tables/spend.ts';
import { config as router } from '../../services/router/config.ts';
import { nanousdOf } from './money.ts';

export type Budget = {
  /** `day`, `unasked`, `key:laptop:day`: what its windows are called, with colons for spaces. */
  name: string;
  kind: PeriodKind;
  /** Without what was added to it; null: as much as one likes. */
  limit_nanousd: number | null;
  limit_calls: number | null;
};

export type Standing = Budget & {
  spend_id: string;
  ends_at: number;
  added_nanousd: number;
  spent_nanousd: number;
  held_nanousd: number;
  /** null: there is no limit. */
  left_nanousd: number | null;
  calls: number;
};

export type Capped = Standing & { limit_nanousd: number; left_nanousd: number };

export function isCapped(budget: Standing): budget is Capped {
  return budget.limit_nanousd !== null;
}

export function houseConfig(home: Home) {
  const { shared, own } = readConfig(home.config, { name: 'router', section: router });
  return { budget: shared.budget, router: own };
}

export function houseBudgets(set: Shared['budget']): Budget[] {
  const day_nanousd = nanousdOf(set.day_usd);
  const global = (kind: PeriodKind, usd: number): Budget => ({
    name: kind,
    kind,
    limit_nanousd: nanousdOf(usd),
    limit_calls: kind === 'hour' ? set.calls_per_hour : null,
  });
  return [
    global('hour', set.hour_usd),
    global('day', set.day_usd),
    global('month', set.month_usd),
    {
      name: 'unasked',
      kind: 'day',
      limit_nanousd: Math.floor((day_nanousd * set.unasked_percent) / 100),
      limit_calls: null,
    },
  ];
}

export function keyBudgets(key: accessKey.AccessKey): Budget[] {
  return PERIODS.map((kind) => ({
    name: `key:${key.name}:${kind}`,
    kind,
    limit_nanousd: key[`${kind}_nanousd`],
    limit_calls: kind === 'hour' ? key.calls_per_hour : null,
  }));
}

/** All that limits anybody: the house's budgets, and those of the keys in use. */
export async function allBudgets(store: Store, set: Shared['budget']): Promise<Budget[]> {
  const keys = (await store.read(accessKey.all)).filter((key) => key.revoked_at === null);
  const own = keys.flatMap(keyBudgets);
  return [
    ...houseBudgets(set),
    ...own.filter((budget) => budget.limit_nanousd !== null || budget.limit_calls !== null),
  ];
}

/** Read from the windows, the config and what was added: a window's own limit is that of its last call. */
export async function standings(store: Store, budgets: readonly Budget[], now: number): Promise<Standing[]> {
  const ids = budgets.map(({ name, kind }) => spend.windowId(name.replaceAll(':', ' '), kind, now));
  const windows = new Map((await store.read(spend.of(ids))).map((window) => [window.id, window]));
  const added = new Map((await store.read(spend.added(ids))).map(({ id, nanousd }) => [id, nanousd]));
  return budgets.map((budget, i) => {
    const spend_id = ids[i] ?? '';
    const { spent_nanousd = 0, held_nanousd = 0, calls = 0 } = windows.get(spend_id) ?? {};
    const added_nanousd = added.get(spend_id) ?? 0;
    const limit_nanousd = budget.limit_nanousd === null ? null : budget.limit_nanousd + added_nanousd;
    return {
      ...budget,
      spend_id,
      ends_at: periodOf(budget.kind, now).ends_at,
      limit_nanousd,
      added_nanousd,
      spent_nanousd,
      held_nanousd,
      left_nanousd: limit_nanousd === null ? null : Math.max(0, limit_nanousd - spent_nanousd - held_nanousd),
      calls,
    };
  });
}

/** `15:00`, `midnight`, `1 December`. */
export function until(ends_at: number, now: number): string {
  if (ends_at - now < 26 * 3_600_000) return clockTime(ends_at); // a day has 25 hours at most, but for rare places
  return new Date(ends_at).toLocaleDateString('en-GB', { day: 'numeric', month: 'long' });
}

function clockTime(at: number): string {
  const local = new Date(at);
  const [hours, minutes] = [local.getHours(), local.getMinutes()];
  if (hours === 0 && minutes === 0) return 'midnight';
  return `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
}
