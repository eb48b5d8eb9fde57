/** rating: what its reader thought of an answer, and why. The last press counts. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'rating',
  about: 'what readers thought of the answers',
  pen: { record: 'core' },
  keeps: { days: 400, since: 'at' },
};

export type Rating = {
  turn_id: string;
  good: boolean;
  /** What was wrong with it, once its reader has said so. */
  why: 'made up' | 'not helpful' | null;
  sender: string;
  at: number;
};

export function give({ turn_id, good, why, sender, at }: Rating): Op {
  return {
    verb: 'rating.give',
    sql: `INSERT INTO rating (turn_id, good, why, sender, at) VALUES (?,?,?,?,?)
          ON CONFLICT (turn_id) DO UPDATE SET good = excluded.good, why = excluded.why, sender = excluded.sender,
            at = excluded.at`,
    args: [turn_id, good ? 1 : 0, why, sender, at],
  };
}

export function ofTurn(turn_id: string): Query<Omit<Rating, 'turn_id' | 'good'> & { good: number }> {
  return { verb: 'rating.ofTurn', sql: 'SELECT * FROM rating WHERE turn_id = ?', args: [turn_id] };
}
