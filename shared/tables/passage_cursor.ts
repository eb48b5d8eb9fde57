/** passage_cursor: how far `message` has been made into `passage`, and by what. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'passage_cursor',
  about: 'how far what was said can be searched',
  pen: { record: 'memory' },
  keeps: 'one row',
};

export type Cursor = {
  /** The rules and the owners: what other ones made is made anew. */
  made_by: string;
  upto_id: number;
};

export const where: Query<Cursor> = {
  verb: 'passage_cursor.where',
  sql: 'SELECT made_by, upto_id FROM passage_cursor WHERE id = 1',
  args: [],
};

/**
 * In the unit that stores what it points past.
 * @param read the messages that were read for it: when one is gone meanwhile, its words must not come back (`Fenced`)
 */
export function move({ made_by, upto_id }: Cursor, read: readonly number[]): Op {
  return {
    verb: 'passage_cursor.move',
    sql: `INSERT INTO passage_cursor (id, made_by, upto_id) SELECT 1, ?, ?
          WHERE (SELECT count(*) FROM message WHERE id IN (SELECT value FROM json_each(?))) = ?
          ON CONFLICT (id) DO UPDATE SET made_by = excluded.made_by, upto_id = excluded.upto_id`,
    args: [made_by, upto_id, JSON.stringify(read), read.length],
    expect: 1,
  };
}

/** What was said before `before_at` and is not gone through yet. */
export function behind(before_at: number): Query<{ count: number; since_at: number | null }> {
  return {
    verb: 'passage_cursor.behind',
    sql: `SELECT count(*) AS count, min(at) AS since_at FROM message
          WHERE id > coalesce((SELECT upto_id FROM passage_cursor WHERE id = 1), 0) AND at < ?`,
    args: [before_at],
  };
}
