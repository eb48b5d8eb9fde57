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

/** What was said after `low` in conversations that no rule has read so far. */
export function unruled(low: number): Query<Unruled> {
  return {
    verb: 'memory_cursor.unruled',
    sql: `SELECT m.conversation, coalesce(c.rule_id, 0) AS after_id, min(m.id) AS first_id, max(m.id) AS upto_id, max(m.at) AS at
          FROM message m NOT INDEXED LEFT JOIN memory_cursor c ON c.conversation = m.conversation
          WHERE m.id > ? AND m.id > coalesce(c.rule_id, 0) GROUP BY m.conversation ORDER BY first_id`,
    args: [low],
  };
}

export type Unruled = {
  conversation: string;
  after_id: number;
  first_id: number;
  upto_id: number;
  /** When the last of it was said. */
  at: number;
};

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
