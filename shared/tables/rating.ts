/** rating: what its reader thought of an answer. The last press counts. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'rating',
  about: 'what readers thought of the answers',
  pen: { record: 'core' },
  keeps: { days: 400, since: 'at' },
};

export type Rating = { turn_id: string; good: boolean; sender: string; at: number };

export function give({ turn_id, good, sender, at }: Rating): Op {
  return {
    verb: 'rating.give',
    sql: `INSERT INTO rating (turn_id, good, sender, at) VALUES (?,?,?,?)
          ON CONFLICT (turn_id) DO UPDATE SET good = excluded.good, sender = excluded.sender, at = excluded.at`,
    args: [turn_id, good ? 1 : 0, sender, at],
  };
}

export function ofTurn(turn_id: string): Query<{ good: number; sender: string; at: number }> {
  return { verb: 'rating.ofTurn', sql: 'SELECT * FROM rating WHERE turn_id = ?', args: [turn_id] };
}
