/** share: the owner's folders that the sandbox may see. Of the command line's pen. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'share',
  about: 'the folders that the sandbox may see',
  pen: { record: 'cli' },
  keeps: 'until revoked',
};

export type Share = { path: string; mode: 'read' | 'write'; given_at: number };

export const all: Query<Share> = { verb: 'share.all', sql: 'SELECT * FROM share ORDER BY path', args: [] };

export function open({ path, mode, given_at }: Share): Op {
  return {
    verb: 'share.open',
    sql: `INSERT INTO share (path, mode, given_at) VALUES (?,?,?)
          ON CONFLICT (path) DO UPDATE SET mode = excluded.mode, given_at = excluded.given_at`,
    args: [path, mode, given_at],
  };
}

export function close(path: string): Op<Share> {
  return { verb: 'share.close', sql: 'DELETE FROM share WHERE path = ? RETURNING *', args: [path] };
}
