/** error: what went wrong in a service, and what was done about it. The same thing again within a minute counts up. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'error',
  about: 'what went wrong in each service',
  pen: { ownRow: 'service' },
  keeps: { days: 90, since: 'at' },
  erase: { where: 'turn_id IN gone_turn', set: "message = '[forgotten]', trace = NULL" },
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

/** The same thing of the same service, not older than a minute. Of `at`, service, event, message. */
const SAME = 'SELECT max(id) FROM error WHERE at > ? - 60000 AND service = ? AND event = ? AND message = ?';

/** @param times how often it happened */
export function record(fault: Fault, times: number): readonly [Op, Op] {
  const { service, event, type, message, trace, recovery, severity, turn_id, at } = fault;
  const same = [at, service, event, message];
  return [
    {
      verb: 'error.record',
      sql: `INSERT INTO error (service, event, type, message, trace, recovery, severity, turn_id, times, at, last_at)
            SELECT ?,?,?,?,?,?,?,?,0,?,? WHERE (${SAME}) IS NULL`,
      args: [service, event, type, message, trace, recovery, severity, turn_id, at, at, ...same],
    },
    {
      verb: 'error.count',
      sql: `UPDATE error SET times = times + ?, last_at = max(last_at, ?) WHERE id = (${SAME})`,
      args: [times, at, ...same],
    },
  ];
}

export function ofTurn(turn_id: string): Query<Fault & { times: number; last_at: number }> {
  return { verb: 'error.ofTurn', sql: 'SELECT * FROM error WHERE turn_id = ? ORDER BY id', args: [turn_id] };
}
