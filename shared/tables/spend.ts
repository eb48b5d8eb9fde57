/**
 * spend: what each budget has spent and reserved in each of its periods. A call's reservation and its bill are added
 * to all of its windows in one transaction, so that however many processes call at once, none of them passes a limit.
 */

import { type PeriodKind, periodOf } from '../base/period.ts';
import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'spend',
  about: 'what each budget has spent and reserved, period by period',
  pen: { record: 'router' },
  keeps: { days: 400, since: 'starts_at', unless: 'held_nanousd > 0' },
};

/** One period of one budget: `day 2026-11-22`, `key laptop month 2026-11`, `turn <id>`. */
export type Window = {
  id: string;
  /** Its name without the period: `day`, `key laptop month`, `turn`. */
  budget: string;
  starts_at: number;
  /** null: it has no end of its own. */
  ends_at: number | null;
  /** null: as much as one likes. */
  limit_nanousd: number | null;
  limit_calls: number | null;
};

export type Spend = Window & {
  spent_nanousd: number;
  held_nanousd: number;
  calls: number;
  alerted_at: number | null;
};

/** The name of the window that `budget`, of the periods of `kind`, has at a time. */
export function windowId(budget: string, kind: PeriodKind, at: number): string {
  return `${budget} ${periodOf(kind, at).name}`;
}

/**
 * Reserves `hold_nanousd`, and one call, in the window, or fails (`Fenced`) when it has no room; a unit reserves in all
 * of a call's windows, or in none. What costs nothing passes a budget that is used up. What the owner has added since
 * counts. Safe under concurrency: the check and the addition are one statement, under SQLite's write lock.
 */
export function hold(window: Window, hold_nanousd: number): Op {
  return {
    verb: 'spend.hold',
    sql: `INSERT INTO spend (id, budget, starts_at, ends_at, limit_nanousd, limit_calls, spent_nanousd, held_nanousd, calls)
          SELECT id, budget, starts_at, ends_at, usd, calls, 0, hold, 1 FROM (
            SELECT id, budget, starts_at, ends_at, calls, hold,
              usd + coalesce((SELECT sum(a.nanousd) FROM allowance a WHERE a.spend_id = w.id), 0) AS usd
            FROM (SELECT ? AS id, ? AS budget, ? AS starts_at, ? AS ends_at, ? AS usd, ? AS calls, ? AS hold) w)
          WHERE (hold = 0 OR usd IS NULL OR hold <= usd) AND (calls IS NULL OR calls >= 1)
          ON CONFLICT (id) DO UPDATE SET held_nanousd = held_nanousd + excluded.held_nanousd, calls = calls + 1,
            limit_nanousd = excluded.limit_nanousd, limit_calls = excluded.limit_calls
          WHERE (excluded.held_nanousd = 0 OR excluded.limit_nanousd IS NULL
              OR spent_nanousd + held_nanousd + excluded.held_nanousd <= excluded.limit_nanousd)
            AND (excluded.limit_calls IS NULL OR calls < excluded.limit_calls)`,
    args: [
      window.id,
      window.budget,
      window.starts_at,
      window.ends_at,
      window.limit_nanousd,
      window.limit_calls,
      hold_nanousd,
    ],
    expect: 1,
  };
}

/** The reservation becomes the bill, in the windows in which it was made. */
export function settle(windows_json: string, hold_nanousd: number, cost_nanousd: number): Op {
  const ids: string[] = JSON.parse(windows_json);
  return {
    verb: 'spend.settle',
    sql: `UPDATE spend SET held_nanousd = held_nanousd - ?, spent_nanousd = spent_nanousd + ?
          WHERE id IN (${ids.map(() => '?').join(', ')})`,
    args: [hold_nanousd, cost_nanousd, ...ids],
  };
}

/** Charges in full what dead routers have reserved. Before `call.abandon`, in its unit. */
export function abandon(worker: number, owner: string): Op {
  return {
    verb: 'spend.abandon',
    sql: `UPDATE spend SET held_nanousd = held_nanousd - lost.nanousd, spent_nanousd = spent_nanousd + lost.nanousd
          FROM (SELECT w.value AS id, sum(c.hold_nanousd) AS nanousd FROM call c, json_each(c.windows_json) w
                WHERE c.state = 'open' AND c.worker = ? AND c.owner <> ? AND c.kind = 'message' GROUP BY 1) lost
          WHERE spend.id = lost.id`,
    args: [worker, owner],
  };
}

/** The alert of this window is given: once (`Fenced` the second time). */
export function alerted(id: string, now: number): Op {
  return {
    verb: 'spend.alerted',
    sql: 'UPDATE spend SET alerted_at = ? WHERE id = ? AND alerted_at IS NULL',
    args: [now, id],
    expect: 1,
  };
}

/** The periods that were not over at `at`, and that nobody has been alerted of. */
export function unalerted(at: number): Query<Spend> {
  return {
    verb: 'spend.unalerted',
    sql: 'SELECT * FROM spend WHERE ends_at > ? AND alerted_at IS NULL',
    args: [at],
  };
}

/** How these windows stand, what was added to them included. A window that nothing was called in has no row. */
export function of(ids: readonly string[]): Query<Spend> {
  return {
    verb: 'spend.of',
    sql: 'SELECT * FROM spend WHERE id IN (SELECT value FROM json_each(?))',
    args: [JSON.stringify(ids)],
  };
}

/** What the owner has added to each of these windows. */
export function added(ids: readonly string[]): Query<{ id: string; nanousd: number }> {
  return {
    verb: 'spend.added',
    sql: `SELECT spend_id AS id, sum(nanousd) AS nanousd FROM allowance
          WHERE spend_id IN (SELECT value FROM json_each(?)) GROUP BY spend_id`,
    args: [JSON.stringify(ids)],
  };
}

/** The periods that `now` is in, with what the owner has added to each. */
export function present(now: number): Query<Spend & { added_nanousd: number }> {
  return {
    verb: 'spend.present',
    sql: `SELECT s.*, coalesce((SELECT sum(a.nanousd) FROM allowance a WHERE a.spend_id = s.id), 0) AS added_nanousd
          FROM spend s WHERE s.ends_at > ? AND s.starts_at <= ? ORDER BY s.budget`,
    args: [now, now],
  };
}
