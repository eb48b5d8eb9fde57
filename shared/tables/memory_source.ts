/** memory_source: which messages a memory rests on, and which words in them. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'memory_source',
  about: 'which messages each memory rests on',
  pen: { record: 'memory' },
  keeps: 'with its memory',
  erase: { where: 'message_id IN gone_message' },
};

export type Source = {
  memory_id: number;
  message_id: number;
  quote_from: number | null;
  quote_to: number | null;
};

/** Void when the message was forgotten meanwhile. */
export function put(uid: string, { message_id, quote_from, quote_to }: Omit<Source, 'memory_id'>): Op {
  return {
    verb: 'memory_source.put',
    sql: `INSERT INTO memory_source (memory_id, message_id, quote_from, quote_to)
          SELECT m.id, s.id, ?, ? FROM memory m JOIN message s ON s.id = ? WHERE m.uid = ?`,
    args: [quote_from, quote_to, message_id, uid],
    expect: 1,
  };
}

export function drop(uid: string, message_ids: readonly number[]): Op {
  return {
    verb: 'memory_source.drop',
    sql: `DELETE FROM memory_source WHERE memory_id = (SELECT id FROM memory WHERE uid = ?)
            AND message_id IN (SELECT value FROM json_each(?))`,
    args: [uid, JSON.stringify(message_ids)],
  };
}

export function of(memory_ids: readonly number[]): Query<Source> {
  return {
    verb: 'memory_source.of',
    sql: 'SELECT * FROM memory_source WHERE memory_id IN (SELECT value FROM json_each(?))',
    args: [JSON.stringify(memory_ids)],
  };
}
