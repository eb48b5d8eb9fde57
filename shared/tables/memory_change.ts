/** memory_change: what was changed in memory, in order, and what each row was before: ids and states, no words. */

import type { Memory } from './memory.ts';
import type { Op, Query, Table } from './op.ts';

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

export type Made = Pick<Change, 'seq' | 'op' | 'before_json' | 'at' | 'wish_id'> & {
  /** The `input_hash` of the run. */
  run_hash: string | null;
  uid: string;
  other: string | null;
};

/** The rows are named by their `uid`: of those that this commit adds nobody knows the `id`. */
export function record({ run_hash, wish_id, seq, op, uid, other, before_json, at }: Made): Op {
  return {
    verb: 'memory_change.record',
    sql: `INSERT INTO memory_change (run_id, wish_id, seq, op, memory_id, other_id, before_json, at)
          VALUES ((SELECT id FROM memory_run WHERE input_hash = ?), ?, ?, ?,
            (SELECT id FROM memory WHERE uid = ?), (SELECT id FROM memory WHERE uid = ?), ?, ?)`,
    args: [run_hash, wish_id, seq, op, uid, other, before_json, at],
  };
}

/** What a run has changed, the last first; `later`: something else has changed the same memory since. */
export function undoable(run_id: number): Query<Change & { later: number }> {
  return {
    verb: 'memory_change.undoable',
    sql: `SELECT c.*, EXISTS (SELECT 1 FROM memory_change l WHERE l.memory_id = c.memory_id AND l.id > c.id
            AND l.run_id IS NOT c.run_id) AS later FROM memory_change c WHERE c.run_id = ? ORDER BY c.seq DESC`,
    args: [run_id],
  };
}

/** That these were forgotten: their names as numbers, and no more. */
export function forgot(wish_id: number, memory_ids: readonly number[], now: number): Op {
  return {
    verb: 'memory_change.forgot',
    sql: `INSERT INTO memory_change (wish_id, seq, op, memory_id, at)
          SELECT ?, key, 'forget', value, ? FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`,
    args: [wish_id, now, JSON.stringify(memory_ids)],
  };
}

/** What happened to a memory, in order. */
export function ofMemory(memory_id: number): Query<Change> {
  return {
    verb: 'memory_change.ofMemory',
    sql: 'SELECT * FROM memory_change WHERE memory_id = ? ORDER BY id',
    args: [memory_id],
  };
}

/** What a run changed, with the words as they are now. */
export function ofRun(run_id: number): Query<Change & Pick<Memory, 'text' | 'status'>> {
  return {
    verb: 'memory_change.ofRun',
    sql: `SELECT c.*, m.text, m.status FROM memory_change c JOIN memory m ON m.id = c.memory_id
          WHERE c.run_id = ? ORDER BY c.seq`,
    args: [run_id],
  };
}

export type Count = Pick<Change, 'op'> & { run_id: number; count: number };

/** What a run added, and what became another by it. */
export function tally(run_id: number, counts: readonly Count[]): { learnt: number; changed: number } {
  const sum = (added: boolean) =>
    counts
      .filter((one) => one.run_id === run_id && (one.op === 'add') === added)
      .reduce((total, { count }) => total + count, 0);
  return { learnt: sum(true), changed: sum(false) };
}

/** How much each of these runs did, by what it did. */
export function counts(run_ids: readonly number[]): Query<Count> {
  return {
    verb: 'memory_change.counts',
    sql: `SELECT run_id, op, count(*) AS count FROM memory_change
          WHERE run_id IN (SELECT value FROM json_each(?)) GROUP BY run_id, op`,
    args: [JSON.stringify(run_ids)],
  };
}
