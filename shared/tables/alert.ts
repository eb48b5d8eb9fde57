/** alert: what the rules find. pending → firing → resolved; a pending one that passes leaves no row. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'alert',
  about: 'what the rules find',
  pen: { record: 'alerts' },
  keeps: { days: 400, since: 'resolved_at' },
};

export type Alert = {
  id: number;
  rule: string;
  /** JSON. */
  labels: string;
  severity: 'info' | 'warning' | 'critical';
  /** `pending`: it has been so for less than its rule's time. */
  state: 'pending' | 'firing' | 'resolved';
  value: number;
  text: string;
  /** Of the incident by which it is told, whoever has opened it. */
  cause: string;
  since_at: number;
  fired_at: number | null;
  seen_at: number;
  resolved_at: number | null;
};

/** Those that are not over. */
export const open: Query<Alert> = {
  verb: 'alert.open',
  sql: `SELECT * FROM alert INDEXED BY alert_open WHERE state <> 'resolved' ORDER BY rule, labels`,
  args: [],
};

/** Those that are over, the latest first. */
export function resolved(most: number): Query<Alert> {
  return {
    verb: 'alert.resolved',
    sql: 'SELECT * FROM alert WHERE resolved_at IS NOT NULL ORDER BY resolved_at DESC LIMIT ?',
    args: [most],
  };
}

/** It has been found; where its rule waits for nothing it is `firing` at once. */
export function begin(alert: Omit<Alert, 'id' | 'resolved_at'>): Op {
  const { rule, labels, severity, state, value, text, cause, since_at, fired_at, seen_at } = alert;
  return {
    verb: 'alert.begin',
    sql: `INSERT INTO alert (rule, labels, severity, state, value, text, cause, since_at, fired_at, seen_at)
          VALUES (?,?,?,?,?,?,?,?,?,?)`,
    args: [rule, labels, severity, state, value, text, cause, since_at, fired_at, seen_at],
  };
}

/** It has been found again, fires now, or is over. */
export function become(alert: Alert): Op {
  const { id, state, value, text, cause, since_at, fired_at, seen_at, resolved_at } = alert;
  return {
    verb: 'alert.become',
    sql: `UPDATE alert SET state = ?, value = ?, text = ?, cause = ?, since_at = ?, fired_at = ?, seen_at = ?,
            resolved_at = ? WHERE id = ? AND state <> 'resolved'`,
    args: [state, value, text, cause, since_at, fired_at, seen_at, resolved_at, id],
    expect: 1,
  };
}

/** It has passed before it fired. */
export function drop(id: number): Op {
  return {
    verb: 'alert.drop',
    sql: `DELETE FROM alert WHERE id = ? AND state = 'pending'`,
    args: [id],
    expect: 1,
  };
}
