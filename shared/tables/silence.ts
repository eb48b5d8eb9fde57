/** silence: what the owner does not want to hear of for a while. It goes on being written down, and shown. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'silence',
  about: 'what the owner does not want to hear of for a while',
  pen: { record: 'alerts' },
  keeps: { days: 400, since: 'until_at' },
};

export type Silence = {
  id: number;
  /** Of incidents; a * stands for anything. */
  cause: string;
  reason: string | null;
  given_by: string;
  at: number;
  until_at: number;
  ended_at: number | null;
};

export function inForce(now: number): Query<Silence> {
  return {
    verb: 'silence.inForce',
    sql: 'SELECT * FROM silence WHERE until_at > ? AND ended_at IS NULL ORDER BY until_at',
    args: [now],
  };
}

/** Those that are in force, or have ended since `at`. */
export function since(at: number): Query<Silence> {
  return {
    verb: 'silence.since',
    sql: 'SELECT * FROM silence WHERE until_at > ? ORDER BY until_at',
    args: [at],
  };
}

export function add(
  silence: Pick<Silence, 'cause' | 'reason' | 'given_by' | 'until_at'> & { now: number },
): Op {
  return {
    verb: 'silence.add',
    sql: 'INSERT INTO silence (cause, reason, given_by, at, until_at) VALUES (?,?,?,?,?)',
    args: [silence.cause, silence.reason, silence.given_by, silence.now, silence.until_at],
    durable: true,
  };
}

/** Before its time; no row: there is none, or it has ended. */
export function end(id: number, now: number): Op<Pick<Silence, 'cause'>> {
  return {
    verb: 'silence.end',
    sql: 'UPDATE silence SET ended_at = ? WHERE id = ? AND ended_at IS NULL AND until_at > ? RETURNING cause',
    args: [now, id, now],
    durable: true,
  };
}
