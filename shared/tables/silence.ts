/** silence: what the owner does not want to hear of for a while. It goes on being written down, and shown. */

import type { Query, Table } from './op.ts';

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
