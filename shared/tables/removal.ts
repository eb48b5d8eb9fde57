/** removal: who shall be let out. Anyone posts; it holds from its commit on, without anybody's doing (see `member`). */

import type { Op, Table } from './op.ts';

export const table: Table = {
  name: 'removal',
  about: 'who was taken out of the members',
  pen: { mailbox: 'telegram' },
  keeps: 'until forgotten',
};

export function post({ user_id, given_by, at }: { user_id: number; given_by: string; at: number }): Op {
  return {
    verb: 'removal.post',
    sql: 'INSERT INTO removal (user_id, given_by, at) VALUES (?,?,?)',
    args: [user_id, given_by, at],
    durable: true,
  };
}
