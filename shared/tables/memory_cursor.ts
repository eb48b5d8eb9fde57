/** memory_cursor: how far each conversation has been read, by rule and by a model. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'memory_cursor',
  about: 'how far each conversation has been read for memory',
  pen: { record: 'memory' },
  keeps: 'one row a conversation',
};

export type Cursor = {
  conversation: string;
  rule_id: number;
  model_id: number;
};

/** A conversation in what was said. */
export type Unruled = {
  conversation: string;
  after_id: number;
  /** What no rule has read of it; null: all is read. */
  first_id: number | null;
  first_at: number | null;
  upto_id: number;
  /** When the last of it was said. */
  at: number;
};

/** Of the next `most` messages after `low`, what no rule has read so far. */
export function unruled(low: number, most: number): Query<Unruled> {
  const unread = 'FILTER (WHERE w.id > coalesce(c.rule_id, 0))';
  return {
    verb: 'memory_cursor.unruled',
    sql: `SELECT w.conversation, coalesce(c.rule_id, 0) AS after_id, min(w.id) ${unread} AS first_id,
            min(w.at) ${unread} AS first_at, max(w.id) AS upto_id, max(w.at) AS at
          FROM (SELECT id, conversation, at FROM message WHERE id > ? ORDER BY id LIMIT ?) w
          LEFT JOIN memory_cursor c ON c.conversation = w.conversation GROUP BY w.conversation ORDER BY first_id`,
    args: [low, most],
  };
}

/** Read by rule from `after_id` to `upto_id`; void when somebody has moved it meanwhile. */
export function ruled(conversation: string, after_id: number, upto_id: number): Op {
  return {
    verb: 'memory_cursor.ruled',
    sql: `INSERT INTO memory_cursor (conversation, rule_id) VALUES (?, ?)
          ON CONFLICT (conversation) DO UPDATE SET rule_id = excluded.rule_id WHERE rule_id = ?`,
    args: [conversation, upto_id, after_id],
    expect: 1,
  };
}

/** A model need not look at what is before it any more: in the unit that plans what it shall look at. Never goes back. */
export function moveModel(conversation: string, model_id: number): Op {
  return {
    verb: 'memory_cursor.moveModel',
    sql: `INSERT INTO memory_cursor (conversation, model_id) VALUES (?, ?)
          ON CONFLICT (conversation) DO UPDATE SET model_id = max(model_id, excluded.model_id)`,
    args: [conversation, model_id],
  };
}

/** A conversation in which something was said that no model has read. */
export type Behind = { conversation: string; scope: string; model_id: number; last_at: number };

/** Goes from name to name along the index: the messages themselves are not walked. */
export const behind: Query<Behind> = {
  verb: 'memory_cursor.behind',
  sql: `WITH RECURSIVE name (conversation) AS (
          SELECT min(conversation) FROM passage
          UNION ALL
          SELECT (SELECT min(p.conversation) FROM passage p WHERE p.conversation > name.conversation)
          FROM name WHERE name.conversation IS NOT NULL)
        SELECT l.conversation, l.scope, coalesce(c.model_id, 0) AS model_id, l.at AS last_at
        FROM name LEFT JOIN memory_cursor c ON c.conversation = name.conversation
        JOIN passage l ON l.id = (SELECT max(p.id) FROM passage p WHERE p.conversation = name.conversation)
        WHERE l.id > coalesce(c.model_id, 0)`,
  args: [],
};

/** Of the rules in all conversations: up to there everything is read, or nobody's talk. No conversation has this name. */
const ALL = '';

export const low: Query<Pick<Cursor, 'rule_id'>> = {
  verb: 'memory_cursor.low',
  sql: 'SELECT rule_id FROM memory_cursor WHERE conversation = ?',
  args: [ALL],
};

export function reached(rule_id: number): Op {
  return {
    verb: 'memory_cursor.reached',
    sql: `INSERT INTO memory_cursor (conversation, rule_id) VALUES (?, ?)
          ON CONFLICT (conversation) DO UPDATE SET rule_id = max(rule_id, excluded.rule_id)`,
    args: [ALL, rule_id],
  };
}
