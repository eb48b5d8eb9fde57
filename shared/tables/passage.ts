/** passage: what was said, as it is searched: each message once, with what stood beside it. Made of `message`, and can be made anew. */

import type { Trust } from './message.ts';
import type { Query, Table } from './op.ts';

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
  /** Short messages beside it. */
  context: string;
};

/** Messages of private and group chats that have waited since before `before_at` to be searchable. */
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
