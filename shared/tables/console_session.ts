/**
 * console_session: a browser that was let in, under addresses of its own, until it has not been used for half a day, it is
 * ended, or all are (`console_link`).
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'console_session',
  about: 'browsers that may look at the console',
  pen: { record: 'console' },
  keeps: { days: 30, since: 'seen_at' },
};

export type Session = {
  path: string;
  hash: string;
  made_by: string;
  agent: string;
  started_at: number;
  seen_at: number;
  ended_at: number | null;
};

/** Those that have not been used for so long are over. */
export const IDLE_ms = 12 * 3_600_000;

const IN_FORCE = `ended_at IS NULL AND seen_at > ? AND NOT EXISTS (SELECT 1 FROM console_link INDEXED BY console_link_end
    WHERE kind = 'end' AND made_at >= started_at)`;

export function begin(session: Omit<Session, 'seen_at' | 'ended_at'>): Op {
  return {
    verb: 'console_session.begin',
    sql: 'INSERT INTO console_session (path, hash, made_by, agent, started_at, seen_at) VALUES (?,?,?,?,?,?)',
    args: [
      session.path,
      session.hash,
      session.made_by,
      session.agent,
      session.started_at,
      session.started_at,
    ],
    durable: true,
  };
}

/** The one of these addresses, where it is in force. */
export function of(path: string, now: number): Query<Session> {
  return {
    verb: 'console_session.of',
    sql: `SELECT * FROM console_session WHERE path = ? AND ${IN_FORCE}`,
    args: [path, now - IDLE_ms],
  };
}

/** Those in force. */
export function current(now: number): Query<Session> {
  return {
    verb: 'console_session.current',
    sql: `SELECT * FROM console_session WHERE ${IN_FORCE} ORDER BY started_at`,
    args: [now - IDLE_ms],
  };
}

/** It was used just now. */
export function seen(path: string, now: number): Op {
  return {
    verb: 'console_session.seen',
    sql: 'UPDATE console_session SET seen_at = ? WHERE path = ? AND ended_at IS NULL',
    args: [now, path],
  };
}

export function end(path: string, now: number): Op {
  return {
    verb: 'console_session.end',
    sql: 'UPDATE console_session SET ended_at = ? WHERE path = ? AND ended_at IS NULL',
    args: [now, path],
    durable: true,
  };
}
