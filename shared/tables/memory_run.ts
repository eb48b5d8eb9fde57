/** memory_run: one pass over new messages: by rule, or by a model, at once or in a batch of the provider's. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'memory_run',
  about: 'the passes over new messages, and what they brought',
  pen: { record: 'memory' },
  keeps: 'until forgotten',
};

export type Run = {
  id: number;
  scope: string;
  conversation: string;
  how: 'rule' | 'model' | 'batch';
  /** Of the messages' ids and words and of the prompt: the same pass is never made twice. */
  input_hash: string;
  after_id: number;
  upto_id: number;
  state: 'planned' | 'submitted' | 'received' | 'applied' | 'failed' | 'refused' | 'undone';
  /** The provider's name for the batch. */
  batch_ref: string | null;
  /** What the model said; emptied once it is applied. */
  answer_json: string | null;
  attempts: number;
  due_at: number;
  tokens: number | null;
  cost_nanousd: number | null;
  changes: number | null;
  rejected: number | null;
  problem: string | null;
  created_at: number;
  finished_at: number | null;
};

/** A pass by rule begins and ends in one commit; the same pass again is void. */
export function ruled(
  run: Pick<Run, 'scope' | 'conversation' | 'input_hash' | 'after_id' | 'upto_id' | 'created_at'>,
): Op {
  const { scope, conversation, input_hash, after_id, upto_id, created_at } = run;
  return {
    verb: 'memory_run.ruled',
    sql: `INSERT INTO memory_run (scope, conversation, how, input_hash, after_id, upto_id, state, due_at, created_at, finished_at)
          VALUES (?, ?, 'rule', ?, ?, ?, 'applied', ?, ?, ?)`,
    args: [scope, conversation, input_hash, after_id, upto_id, created_at, created_at, created_at],
  };
}

/** What came of it. */
export function counted(
  input_hash: string,
  { changes, rejected, problem }: Pick<Run, 'problem'> & { changes: number; rejected: number },
): Op {
  return {
    verb: 'memory_run.counted',
    sql: `UPDATE memory_run SET changes = ?, rejected = ?, problem = ?,
            state = CASE WHEN ? IS NULL THEN state ELSE 'refused' END WHERE input_hash = ?`,
    args: [changes, rejected, problem, problem, input_hash],
    expect: 1,
  };
}

export function of(id: number): Query<Run> {
  return { verb: 'memory_run.of', sql: 'SELECT * FROM memory_run WHERE id = ?', args: [id] };
}

export function undone(id: number): Op {
  return {
    verb: 'memory_run.undone',
    sql: `UPDATE memory_run SET state = 'undone' WHERE id = ? AND state = 'applied'`,
    args: [id],
    expect: 1,
  };
}

export function latest(most: number): Query<Run> {
  return {
    verb: 'memory_run.latest',
    sql: 'SELECT * FROM memory_run ORDER BY id DESC LIMIT ?',
    args: [most],
  };
}

/** The last pass of each kind that ended well. */
export const lastApplied: Query<Pick<Run, 'how'> & { finished_at: number }> = {
  verb: 'memory_run.lastApplied',
  sql: `SELECT how, max(finished_at) AS finished_at FROM memory_run WHERE state = 'applied' GROUP BY how`,
  args: [],
};
