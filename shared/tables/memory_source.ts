/** memory_source: which messages a memory rests on, and which words in them. */

import type { Query, Table } from './op.ts';

export const table: Table = {
  name: 'memory_source',
  about: 'which messages each memory rests on',
  pen: { record: 'memory' },
  keeps: 'with its memory',
};

export type Source = {
  memory_id: number;
  message_id: number;
  quote_from: number | null;
  quote_to: number | null;
};

/** The messages that any of these rest on. */
export function messagesOf(memory_ids: readonly number[]): Query<{ message_id: number }> {
  return {
    verb: 'memory_source.messagesOf',
    sql: `SELECT DISTINCT message_id FROM memory_source WHERE memory_id IN (SELECT value FROM json_each(?)) ORDER BY 1`,
    args: [JSON.stringify(memory_ids)],
  };
}
