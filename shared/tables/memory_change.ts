/** memory_change: what was changed in memory, in order, and what each row was before: ids and states, no words. */

import type { Op, Table } from './op.ts';

export const table: Table = {
  name: 'memory_change',
  about: 'what was changed in memory, so that it can be undone',
  pen: { record: 'memory' },
  keeps: { days: 400, since: 'at' },
  erase: { where: 'memory_id IN gone_memory', set: 'before_json = NULL' },
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

/** That these were forgotten: their names as numbers, and no more. */
export function forgot(wish_id: number, memory_ids: readonly number[], now: number): Op {
  return {
    verb: 'memory_change.forgot',
    sql: `INSERT INTO memory_change (wish_id, seq, op, memory_id, at)
          SELECT ?, key, 'forget', value, ? FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`,
    args: [wish_id, now, JSON.stringify(memory_ids)],
  };
}
