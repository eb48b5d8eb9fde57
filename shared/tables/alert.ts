/** alert: what the rules find. pending → firing → resolved; a pending one that passes leaves no row. */

import type { Query, Table } from './op.ts';

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
