/** summary: what a conversation came to, up to a turn, for the model to read instead of it. The turns themselves stay. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'summary',
  about: 'what long conversations came to',
  pen: { record: 'core' },
  keeps: 'until forgotten',
  erase: { where: 'id IN gone_summary' },
};

export type Summary = {
  id: number;
  conversation: string;
  /** The last turn that it tells of; those after it are told word for word. */
  upto_turn_id: string;
  text: string;
  /** Whose words it may repeat besides those of the two who spoke. */
  taint: string | null;
  call_id: string | null;
  at: number;
};

export function record(summary: Omit<Summary, 'id'>): Op {
  const { conversation, upto_turn_id, text, taint, call_id, at } = summary;
  return {
    verb: 'summary.record',
    sql: 'INSERT INTO summary (conversation, upto_turn_id, text, taint, call_id, at) VALUES (?,?,?,?,?,?)',
    args: [conversation, upto_turn_id, text, taint, call_id, at],
    durable: true,
  };
}

export function newest(conversation: string): Query<Summary> {
  return {
    verb: 'summary.newest',
    sql: 'SELECT * FROM summary WHERE conversation = ? ORDER BY id DESC LIMIT 1',
    args: [conversation],
  };
}
