/** pairing: a code that lets whoever types it in, once and for ten minutes. Of the command line's pen. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'pairing',
  about: 'the hashes of the codes that let somebody in',
  pen: { record: 'cli' },
  keeps: 'until the next code',
};

export type Pairing = { hash: string; created_at: number; expires_at: number };

/** Durable: the code is shown after it. */
export function open({ hash, created_at, expires_at }: Pairing): Op {
  return {
    verb: 'pairing.open',
    sql: 'INSERT INTO pairing (hash, created_at, expires_at) VALUES (?,?,?)',
    args: [hash, created_at, expires_at],
    durable: true,
  };
}

/** Codes that are over go when there is a new one. */
export function prune(now: number): Op {
  return { verb: 'pairing.prune', sql: 'DELETE FROM pairing WHERE expires_at < ?', args: [now] };
}

/** Whether the code that hashes to this is good: there, not over, not used. A clock that was set back makes none good. */
export function valid(hash: string, now: number): Query<{ hash: string }> {
  return {
    verb: 'pairing.valid',
    sql: `SELECT p.hash FROM pairing p WHERE p.hash = ? AND p.created_at <= ? AND p.expires_at > ?
            AND NOT EXISTS (SELECT 1 FROM pairing_attempt a WHERE a.hash = p.hash AND a.outcome = 'paired')`,
    args: [hash, now, now],
  };
}
