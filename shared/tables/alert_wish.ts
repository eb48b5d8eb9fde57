/** alert_wish: what somebody wants done about alerts: one seen, a silence, a test. Anyone posts; `alerts` does it. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'alert_wish',
  about: 'what somebody wants done about alerts',
  pen: { mailbox: 'alerts' },
  keeps: { days: 400, since: 'handled_at' },
};

export type Wish = {
  id: number;
  kind: 'acknowledge' | 'silence' | 'unsilence' | 'test';
  /** An incident's id; a cause, of which a * stands for anything; a silence's id; for a test, nothing. */
  about: string;
  reason: string | null;
  until_at: number | null;
  given_by: string;
  at: number;
  handled_at: number | null;
  outcome: string | null;
};

export function post(
  wish: Pick<Wish, 'kind' | 'about' | 'given_by'> & { reason?: string; until_at?: number; now: number },
): Op<Pick<Wish, 'id'>> {
  return {
    verb: 'alert_wish.post',
    sql: `INSERT INTO alert_wish (kind, about, reason, until_at, given_by, at) VALUES (?,?,?,?,?,?) RETURNING id`,
    args: [wish.kind, wish.about, wish.reason ?? null, wish.until_at ?? null, wish.given_by, wish.now],
    durable: true,
    rings: 'alert_wish',
  };
}

export const pending: Query<Wish> = {
  verb: 'alert_wish.pending',
  sql: 'SELECT * FROM alert_wish INDEXED BY alert_wish_pending WHERE handled_at IS NULL ORDER BY id LIMIT 50',
  args: [],
};

export function named(id: number): Query<Wish> {
  return { verb: 'alert_wish.named', sql: 'SELECT * FROM alert_wish WHERE id = ?', args: [id] };
}

export function handled(id: number, outcome: string, now: number): Op {
  return {
    verb: 'alert_wish.handled',
    sql: 'UPDATE alert_wish SET handled_at = ?, outcome = ? WHERE id = ? AND handled_at IS NULL',
    args: [now, outcome, id],
    expect: 1,
  };
}

export function latest(most: number): Query<Wish> {
  return {
    verb: 'alert_wish.latest',
    sql: 'SELECT * FROM alert_wish WHERE id > (SELECT max(id) FROM alert_wish) - ? ORDER BY id DESC',
    args: [most],
  };
}
