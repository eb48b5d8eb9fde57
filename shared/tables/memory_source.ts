/** memory_source: which messages a memory rests on, and which words in them. */

import type { Table } from './op.ts';

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
