/** conversation: what was chosen for a conversation (/model), and from when on it is read (/new). */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'conversation',
  about: 'what was chosen for each conversation',
  pen: { record: 'core' },
  keeps: 'one row a conversation',
};

export type Conversation = {
  conversation: string;
  /** What answers in it, instead of the usual model. */
  alias: string | null;
  /** What was said before is not told to the model any more. */
  fresh_at: number;
  changed_at: number;
};

export function of(conversation: string): Query<Conversation> {
  return {
    verb: 'conversation.of',
    sql: 'SELECT * FROM conversation WHERE conversation = ?',
    args: [conversation],
  };
}

/** That of whoever sits at this machine: at the terminal, or at the console. */
export const TERMINAL = 'terminal:main';

/** @param alias null: the usual model again */
export function choose(conversation: string, alias: string | null, now: number): Op {
  return {
    verb: 'conversation.choose',
    sql: `INSERT INTO conversation (conversation, alias, changed_at) VALUES (?, ?, ?)
          ON CONFLICT (conversation) DO UPDATE SET alias = excluded.alias, changed_at = excluded.changed_at`,
    args: [conversation, alias, now],
  };
}

/** From now on it begins anew. */
export function refresh(conversation: string, now: number): Op {
  return {
    verb: 'conversation.refresh',
    sql: `INSERT INTO conversation (conversation, fresh_at, changed_at) VALUES (?, ?, ?)
          ON CONFLICT (conversation) DO UPDATE SET fresh_at = excluded.fresh_at, changed_at = excluded.changed_at`,
    args: [conversation, now, now],
    durable: true,
  };
}
