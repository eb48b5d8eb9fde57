/** memory_cursor: how far each conversation has been read, by rule and by a model. */

import type { Table } from './op.ts';

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
