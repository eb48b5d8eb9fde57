/** memory_change: what was changed in memory, in order, and what each row was before: ids and states, no words. */

import type { Table } from './op.ts';

export const table: Table = {
  name: 'memory_change',
  about: 'what was changed in memory, so that it can be undone',
  pen: { record: 'memory' },
  keeps: { days: 400, since: 'at' },
};

export type Change = {
  id: number;
  run_id: number | null;
  wish_id: number | null;
  seq: number;
  op:
    | 'add'
    | 'confirm'
    | 'supersede'
    | 'retract'
    | 'dispute'
    | 'expire'
    | 'pin'
    | 'unpin'
    | 'quarantine'
    | 'forget'
    | 'undo';
  memory_id: number;
  other_id: number | null;
  before_json: string | null;
  at: number;
};
