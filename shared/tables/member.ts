/**
 * member: who was let in by a code. Whom the config names is an owner too, and stands in no row. Somebody whom a row of
 * `removal` names later than they were added is out.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'member',
  about: 'who was let in by a code',
  pen: { record: 'telegram' },
  keeps: 'one row a person',
};

export type Member = { user_id: number; name: string; role: 'owner'; given_by: string; added_at: number };

/** In the unit that records the code's use. Whoever was removed comes in anew. */
export function add({ user_id, name, role, given_by, added_at }: Member): Op {
  return {
    verb: 'member.add',
    sql: `INSERT INTO member (user_id, name, role, given_by, added_at) VALUES (?,?,?,?,?)
          ON CONFLICT (user_id) DO UPDATE SET name = excluded.name, role = excluded.role,
            given_by = excluded.given_by, added_at = excluded.added_at`,
    args: [user_id, name, role, given_by, added_at],
    durable: true,
  };
}

/** Those who are in. */
export const current: Query<Member> = {
  verb: 'member.current',
  sql: `SELECT * FROM member m WHERE NOT EXISTS (
          SELECT 1 FROM removal r WHERE r.user_id = m.user_id AND r.at >= m.added_at) ORDER BY added_at`,
  args: [],
};
