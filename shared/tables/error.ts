/** error: what went wrong in a service, and what was done about it. The same thing again within a minute counts up. */

import type { Op, Table } from './op.ts';

export const table: Table = {
  name: 'error',
  about: 'what went wrong in each service',
  pen: { ownRow: 'service' },
  keeps: '90 days',
};

export type Fault = {
  service: string;
  /** The log's event: `turn.postponed`. */
  event: string;
  /** The error's class, or its code. */
  type: string;
  message: string;
  trace: string | null;
  /** What was done about it, in words. */
  recovery: string;
  severity: 'warning' | 'error' | 'fatal';
  turn_id: string | null;
  at: number;
};

export function record(fault: Fault): Op {
  const { service, event, type, message, trace, recovery, severity, turn_id, at } = fault;
  return {
    verb: 'error.record',
    sql: `INSERT INTO error (service, event, type, message, trace, recovery, severity, turn_id, times, at, last_at)
          VALUES (?,?,?,?,?,?,?,?,1,?,?)`,
    args: [service, event, type, message, trace, recovery, severity, turn_id, at, at],
  };
}
