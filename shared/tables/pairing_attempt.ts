/** pairing_attempt: everybody who typed a code, right or wrong. What limits the guessing. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'pairing_attempt',
  about: 'who typed a pairing code, and what came of it',
  pen: { record: 'telegram' },
  keeps: { days: 400, since: 'at' },
};

/** `refused`: it was not even looked at, after too many wrong ones. */
export type Attempt = {
  sender: string;
  outcome: 'paired' | 'wrong' | 'refused';
  hash: string | null;
  at: number;
};

/** A code that is used a second time fails on the unique index, and its unit with it. */
export function record({ sender, outcome, hash, at }: Attempt): Op {
  return {
    verb: 'pairing_attempt.record',
    sql: 'INSERT INTO pairing_attempt (sender, outcome, hash, at) VALUES (?,?,?,?)',
    args: [sender, outcome, hash, at],
    durable: true,
  };
}

/** How often a wrong code was typed since: by this sender, and by everybody. */
export function wrongSince(sender: string, since_at: number): Query<{ own: number; all: number }> {
  return {
    verb: 'pairing_attempt.wrongSince',
    sql: `SELECT coalesce(sum(sender = ?), 0) AS own, count(*) AS "all" FROM pairing_attempt
          WHERE outcome = 'wrong' AND at > ?`,
    args: [sender, since_at],
  };
}
