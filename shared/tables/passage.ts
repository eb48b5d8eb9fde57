/** passage: what was said, as it is searched: each message once, with what stood beside it. Made of `message`, and can be made anew. */

import type { Trust } from './message.ts';
import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'passage',
  about: 'what was said, as it is searched',
  pen: { record: 'memory' },
  keeps: 'with its message',
};

export type Passage = {
  /** Of its message. */
  id: number;
  scope: string;
  conversation: string;
  turn_id: string;
  role: 'user' | 'assistant';
  author: string;
  at: number;
  trust: Trust;
  /** Its date in words, to be searched too. */
  day: string;
  text: string;
  /** Short messages beside it: those before it, a line each, an empty line, those after it. */
  context: string;
  /** Of what is written without spaces, each two characters that stand together. */
  pairs: string;
};

/** Adds it, or puts it in the place of what was there: what stands beside it may have changed. */
export function add(passage: Passage): Op {
  const { id, scope, conversation, turn_id, role, author, at, trust, day, text, context, pairs } = passage;
  return {
    verb: 'passage.add',
    sql: `INSERT INTO passage (id, scope, conversation, turn_id, role, author, at, trust, day, text, context, pairs)
          VALUES (?,?,?,?,?,?,?,?,?,?,?,?)
          ON CONFLICT (id) DO UPDATE SET scope = excluded.scope, author = excluded.author, trust = excluded.trust,
            day = excluded.day, text = excluded.text, context = excluded.context, pairs = excluded.pairs`,
    args: [id, scope, conversation, turn_id, role, author, at, trust, day, text, context, pairs],
  };
}

export function remove(id: number): Op {
  return { verb: 'passage.remove', sql: 'DELETE FROM passage WHERE id = ?', args: [id] };
}

/** The last of a conversation's that are searched already. */
export function last(conversation: string): Query<{ id: number }> {
  return {
    verb: 'passage.last',
    sql: 'SELECT id FROM passage WHERE conversation = ? ORDER BY id DESC LIMIT 1',
    args: [conversation],
  };
}

/** Messages of chats that have waited since before `before_at` to be searchable. */
export function unindexed(before_at: number): Query<{ count: number; since_at: number | null }> {
  return {
    verb: 'passage.unindexed',
    sql: `SELECT count(*) AS count, min(at) AS since_at FROM message
          WHERE id > (SELECT coalesce(max(id), 0) FROM passage) AND at < ?
            AND (conversation GLOB 'telegram:*' OR conversation GLOB 'terminal:*' OR conversation GLOB 'console*')`,
    args: [before_at],
  };
}

export const size: Query<{ count: number; bytes: number }> = {
  verb: 'passage.size',
  sql: 'SELECT count(*) AS count, coalesce(sum(octet_length(text)), 0) AS bytes FROM passage',
  args: [],
};
