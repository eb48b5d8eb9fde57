/**
 * note: what shall be remembered, and what shall be forgotten: the wishes, in the order in which they came. Anyone posts;
 * `memory` makes of them what it keeps.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'note',
  about: 'what shall be remembered, and what forgotten',
  pen: { mailbox: 'memory' },
  keeps: 'until forgotten',
};

export type Note = {
  id: number;
  kind: 'remember' | 'forget';
  /** What to remember; of a `forget`, what was asked for. */
  text: string;
  /** The note that a `forget` takes back. */
  forgets: number | null;
  conversation: string;
  turn_id: string | null;
  /** 1: the turn that wished it had read words of strangers. */
  tainted: number;
  given_by: string;
  at: number;
};

export function post(note: Omit<Note, 'id'>): Op<{ id: number }> {
  const { kind, text, forgets, conversation, turn_id, tainted, given_by, at } = note;
  return {
    verb: 'note.post',
    sql: `INSERT INTO note (kind, text, forgets, conversation, turn_id, tainted, given_by, at) VALUES (?,?,?,?,?,?,?,?)
          RETURNING id`,
    args: [kind, text, forgets, conversation, turn_id, tainted, given_by, at],
    durable: true,
  };
}

/** What is to be remembered and was not taken back, the newest first. */
export function kept(conversation: string): Query<Note> {
  return {
    verb: 'note.kept',
    sql: `SELECT n.* FROM note n WHERE n.conversation = ? AND n.kind = 'remember'
            AND NOT EXISTS (SELECT 1 FROM note f WHERE f.forgets = n.id) ORDER BY n.id DESC`,
    args: [conversation],
  };
}
