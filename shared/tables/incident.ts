/**
 * incident: what the owner must hear of. Anyone opens one; as long as it is open, its cause opens no second one. Whoever
 * opened it closes it.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'incident',
  about: 'what the owner must hear of',
  pen: { ownRow: 'service' },
  keeps: { days: 400, since: 'closed_at' },
};

export type Incident = {
  id: number;
  /** What it is about, the same words each time: `budget day 2026-11-22`, `breaker anthropic/claude-opus-5-5`. */
  cause: string;
  service: string;
  severity: 'info' | 'warning' | 'critical';
  text: string;
  opened_at: number;
  closed_at: number | null;
};

export function open(
  incident: Pick<Incident, 'cause' | 'service' | 'severity' | 'text'> & { now: number },
): Op {
  return {
    verb: 'incident.open',
    sql: `INSERT INTO incident (cause, service, severity, text, opened_at) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING`,
    args: [incident.cause, incident.service, incident.severity, incident.text, incident.now],
    durable: true,
  };
}

/** It is over; nothing happens where none of that cause is open. */
export function close(cause: string, service: string, now: number): Op {
  return {
    verb: 'incident.close',
    sql: `UPDATE incident SET closed_at = ? WHERE cause = ? AND service = ? AND closed_at IS NULL`,
    args: [now, cause, service],
    durable: true,
  };
}

export function endedBetween(from_at: number, to_at: number): Query<Incident> {
  return {
    verb: 'incident.endedBetween',
    sql: 'SELECT * FROM incident INDEXED BY incident_closed WHERE closed_at IS NOT NULL AND closed_at BETWEEN ? AND ?',
    args: [from_at, to_at],
  };
}

/** Those that are open, and the latest that are over. */
export function latest(most: number): Query<Incident> {
  return {
    verb: 'incident.latest',
    sql: 'SELECT * FROM incident ORDER BY closed_at IS NULL DESC, id DESC LIMIT ?',
    args: [most],
  };
}

/** Those that are not over. */
export const ongoing: Query<Incident> = {
  verb: 'incident.ongoing',
  sql: 'SELECT * FROM incident INDEXED BY incident_open WHERE closed_at IS NULL ORDER BY opened_at',
  args: [],
};

/** Those that are over, the latest first. */
export function over(most: number): Query<Incident> {
  return {
    verb: 'incident.over',
    sql: `SELECT * FROM incident INDEXED BY incident_closed WHERE closed_at IS NOT NULL AND closed_at > 0
          ORDER BY closed_at DESC LIMIT ?`,
    args: [most],
  };
}

export function of(id: number): Query<Incident> {
  return { verb: 'incident.of', sql: 'SELECT * FROM incident WHERE id = ?', args: [id] };
}
