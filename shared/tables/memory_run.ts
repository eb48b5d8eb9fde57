/**
 * memory_run: one pass over new messages: by rule, or by a model, at once or in a batch of the provider's; or over the
 * summaries of a day or week.
 *
 * A model's: planned → submitted → received → applied, each step one commit. What a model is asked goes by a `step` that is
 * written down before it leaves: asked again under it, whoever died meanwhile, it is not paid for again.
 */

import type { Op, Query, Table } from './op.ts';
import type { Passage } from './passage.ts';

export const table: Table = {
  name: 'memory_run',
  about: 'the passes over new messages, and what they brought',
  pen: { record: 'memory' },
  keeps: 'until forgotten',
  // What a model has made of it is not waited for: it is asked anew, of what is left.
  erase: {
    where: 'id IN gone_run',
    set: `answer_json = NULL, step = NULL, shown_json = NULL,
      state = CASE WHEN state IN ('submitted', 'received') THEN 'planned' ELSE state END`,
  },
};

export type Run = {
  id: number;
  scope: string;
  /** `''` where it sums up a period, of all that its scope holds. */
  conversation: string;
  /** What it sums up, and from when; null: what was said. */
  period: 'day' | 'week' | null;
  starts_at: number | null;
  how: 'rule' | 'model' | 'batch';
  /** Of the messages' ids and words and of the prompt: the same pass is never made twice. */
  input_hash: string;
  after_id: number;
  upto_id: number;
  state: 'planned' | 'submitted' | 'received' | 'applied' | 'failed' | 'refused' | 'undone';
  step: string | null;
  /** The ids of the memories that the model was shown. */
  shown_json: string | null;
  /** The provider's name for the batch, until its results are deleted there. */
  batch_ref: string | null;
  /** What the model said; emptied once it is applied. */
  answer_json: string | null;
  /** How often it was asked, and an answer may have been paid for. */
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

export type Plan = Pick<
  Run,
  'scope' | 'conversation' | 'period' | 'starts_at' | 'how' | 'input_hash' | 'after_id' | 'upto_id'
>;

/** Planned twice, it is there once. */
export function plan(run: Plan, now: number): Op<{ id: number }> {
  return {
    verb: 'memory_run.plan',
    sql: `INSERT INTO memory_run (scope, conversation, period, starts_at, how, input_hash, after_id, upto_id, state, due_at,
            created_at) VALUES (?,?,?,?,?,?,?,?,'planned',?,?) ON CONFLICT (input_hash) DO NOTHING RETURNING id`,
    args: [
      run.scope,
      run.conversation,
      run.period,
      run.starts_at,
      run.how,
      run.input_hash,
      run.after_id,
      run.upto_id,
      now,
      now,
    ],
    rings: 'slot',
  };
}

/** A model's runs that are not over. */
export const open: Query<Run> = {
  verb: 'memory_run.open',
  sql: `SELECT * FROM memory_run INDEXED BY memory_run_open
        WHERE state IN ('planned', 'submitted', 'received') AND how <> 'rule' ORDER BY id`,
  args: [],
};

export function ofInput(input_hash: string): Query<Run> {
  return {
    verb: 'memory_run.ofInput',
    sql: 'SELECT * FROM memory_run WHERE input_hash = ?',
    args: [input_hash],
  };
}

/** About to be asked. Durable: should the process die now, it is asked again under the same step. */
export function ask(id: number, of: { step: string; shown_json: string; due_at: number }): Op {
  return {
    verb: 'memory_run.ask',
    sql: `UPDATE memory_run SET state = 'submitted', step = ?, shown_json = ?, attempts = attempts + 1, due_at = ?,
            problem = NULL WHERE id = ? AND state = 'planned'`,
    args: [of.step, of.shown_json, of.due_at, id],
    expect: 1,
    durable: true,
  };
}

/** The provider has taken the batch. */
export function taken(step: string, batch_ref: string, due_at: number): Op {
  return {
    verb: 'memory_run.taken',
    sql: `UPDATE memory_run SET batch_ref = ?, due_at = ? WHERE step = ? AND state = 'submitted'`,
    args: [batch_ref, due_at, step],
    durable: true,
  };
}

/** Looked at again then. */
export function defer(id: number, due_at: number, problem: string | null): Op {
  return {
    verb: 'memory_run.defer',
    sql: `UPDATE memory_run SET due_at = ?, problem = ? WHERE id = ? AND state IN ('planned', 'submitted')`,
    args: [due_at, problem, id],
  };
}

/** Durable: it is paid for. */
export function answered(id: number, answer_json: string): Op {
  return {
    verb: 'memory_run.answered',
    sql: `UPDATE memory_run SET state = 'received', answer_json = ? WHERE id = ? AND state = 'submitted'`,
    args: [answer_json, id],
    expect: 1,
    durable: true,
  };
}

/** To be asked anew. `unpaid`: nobody was paid for what came of it. */
export function again(
  id: number,
  of: { how: Run['how']; input_hash: string; due_at: number; problem: string; unpaid: boolean },
): Op {
  return {
    verb: 'memory_run.again',
    sql: `UPDATE memory_run SET state = 'planned', how = ?, input_hash = ?, due_at = ?, problem = ?,
            attempts = attempts - ?, step = NULL, shown_json = NULL, answer_json = NULL
          WHERE id = ? AND state IN ('planned', 'submitted', 'received')`,
    args: [of.how, of.input_hash, of.due_at, of.problem, of.unpaid ? 1 : 0, id],
    expect: 1,
  };
}

/** The one end of it (`Fenced` the second time), in the unit that holds all that it brought. */
export function end(
  id: number,
  how: {
    state: 'applied' | 'failed' | 'refused';
    changes: number;
    rejected: number;
    problem: string | null;
    now: number;
  },
): Op {
  return {
    verb: 'memory_run.end',
    sql: `UPDATE memory_run SET state = ?, changes = ?, rejected = ?, problem = ?, finished_at = ?, answer_json = NULL
          WHERE id = ? AND state IN ('planned', 'submitted', 'received')`,
    args: [how.state, how.changes, how.rejected, how.problem, how.now, id],
    expect: 1,
    durable: true,
  };
}

/** What an answer took, whatever came of it; and what it cost, once that is known. */
export function took(id: number, of: { tokens: number; cost_nanousd: number }): Op {
  return {
    verb: 'memory_run.took',
    sql: `UPDATE memory_run SET tokens = coalesce(tokens, 0) + ?, cost_nanousd = coalesce(cost_nanousd, 0) + ? WHERE id = ?`,
    args: [of.tokens, of.cost_nanousd, id],
  };
}

/** Batches that nothing more is wanted of. */
export const collected: Query<{ batch_ref: string }> = {
  verb: 'memory_run.collected',
  sql: `SELECT batch_ref FROM memory_run INDEXED BY memory_run_batch WHERE batch_ref IS NOT NULL GROUP BY batch_ref
        HAVING sum(state IN ('submitted', 'received')) = 0`,
  args: [],
};

export function ofBatch(batch_ref: string): Query<Run> {
  return {
    verb: 'memory_run.ofBatch',
    sql: 'SELECT * FROM memory_run WHERE batch_ref = ?',
    args: [batch_ref],
  };
}

/** The provider has it no more. */
export function cleared(batch_ref: string): Op {
  return {
    verb: 'memory_run.cleared',
    sql: 'UPDATE memory_run SET batch_ref = NULL WHERE batch_ref = ?',
    args: [batch_ref],
  };
}

/** How many a model was, or is to be, asked that were planned since; what lies ahead of now is of another clock. */
export function plannedSince(at: number, now: number): Query<{ count: number }> {
  return {
    verb: 'memory_run.plannedSince',
    sql: `SELECT (SELECT count(*) FROM memory_run INDEXED BY memory_run_open
              WHERE state IN ('planned', 'submitted', 'received') AND how <> 'rule' AND created_at BETWEEN ? AND ?)
            + (SELECT count(*) FROM memory_run INDEXED BY memory_run_asked
              WHERE how <> 'rule' AND finished_at >= ? AND created_at BETWEEN ? AND ?) AS count`,
    args: [at, now, at, at, now],
  };
}

/** What the latest brought that a model was asked, the newest first. */
export function yields(now: number, most: number): Query<{ changes: number; finished_at: number }> {
  return {
    verb: 'memory_run.yields',
    sql: `SELECT coalesce(changes, 0) AS changes, finished_at FROM memory_run INDEXED BY memory_run_asked
          WHERE how <> 'rule' AND finished_at <= ? ORDER BY finished_at DESC LIMIT ?`,
    args: [now, most],
  };
}

/** What was said in a conversation after `after_id`, up to `upto_id`. */
export function said(
  conversation: string,
  after_id: number,
  upto_id: number,
  most: number,
): Query<Pick<Passage, 'id' | 'scope' | 'role' | 'at' | 'trust' | 'text'>> {
  return {
    verb: 'memory_run.said',
    sql: `SELECT id, scope, role, at, trust, text FROM passage
          WHERE conversation = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?`,
    args: [conversation, after_id, upto_id, most],
  };
}

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

/** Before the one of this id. */
export function latest(most: number, before_id = Number.MAX_SAFE_INTEGER): Query<Run> {
  return {
    verb: 'memory_run.latest',
    sql: 'SELECT * FROM memory_run WHERE id < ? ORDER BY id DESC LIMIT ?',
    args: [before_id, most],
  };
}

/** The last pass of each kind that ended well. */
export const lastApplied: Query<Pick<Run, 'how'> & { finished_at: number }> = {
  verb: 'memory_run.lastApplied',
  sql: `SELECT how, max(finished_at) AS finished_at FROM memory_run WHERE state = 'applied' GROUP BY how`,
  args: [],
};
