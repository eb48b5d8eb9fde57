/**
 * answer_check: an answer held against its own sources and tool results by the fast tier.
 *
 * planned → asked → done | failed | skipped. What is asked goes by a `step` that is written down before it leaves: asked
 * again under it, whoever died meanwhile, it is not paid for again.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'answer_check',
  about: 'answers that were held against their own sources',
  pen: { record: 'metrics' },
  keeps: { days: 400, since: 'finished_at' },
  // Its words go. What is being asked just now stays so, for `memory` to see, and ends without its step (`Fenced`).
  erase: {
    where: 'turn_id IN gone_turn OR turn_id IN gone_told',
    set: `claims_json = NULL, problem = CASE state WHEN 'planned' THEN 'forgotten' END, step = '',
      state = CASE state WHEN 'planned' THEN 'skipped' ELSE state END,
      finished_at = CASE state WHEN 'planned' THEN due_at ELSE finished_at END`,
  },
};

export type AnswerCheck = {
  turn_id: string;
  /** That gave the answer. */
  model: string;
  state: 'planned' | 'asked' | 'done' | 'failed' | 'skipped';
  /** `''` before it is asked, and once it was forgotten. */
  step: string;
  verdict: 'supported' | 'unsupported' | 'unclear' | null;
  /** What the answer says and nothing bears out. */
  claims_json: string | null;
  problem: string | null;
  /** How often it was asked, and an answer may have been paid for. */
  attempts: number;
  due_at: number;
  at: number;
  finished_at: number | null;
};

/** So long, at most, its question is under way after it was asked. */
export const LEASE_ms = 60_000;

/** Planned twice, it is there once. */
export function plan(turn_id: string, model: string, now: number): Op {
  return {
    verb: 'answer_check.plan',
    sql: `INSERT INTO answer_check (turn_id, model, state, due_at, at) VALUES (?,?,'planned',?,?)
          ON CONFLICT (turn_id) DO NOTHING`,
    args: [turn_id, model, now, now],
  };
}

/** Not over, in the very words of the index `answer_check_open`. */
const OPEN = `state IN ('planned', 'asked')`;

/** The one that is due first. */
export const next: Query<AnswerCheck> = {
  verb: 'answer_check.next',
  sql: `SELECT * FROM answer_check WHERE ${OPEN} ORDER BY due_at LIMIT 1`,
  args: [],
};

/** About to be asked. Durable: should the process die now, it is asked again under the same step. */
export function ask(turn_id: string, step: string, now: number): Op {
  return {
    verb: 'answer_check.ask',
    sql: `UPDATE answer_check SET state = 'asked', step = ?, attempts = attempts + 1, due_at = ?, problem = NULL
          WHERE turn_id = ? AND state = 'planned'`,
    args: [step, now + LEASE_ms, turn_id],
    expect: 1,
    durable: true,
  };
}

/** Asked again under the same step. */
export function askAgain({ turn_id, step }: Pick<AnswerCheck, 'turn_id' | 'step'>, due_at: number): Op {
  return {
    verb: 'answer_check.askAgain',
    sql: `UPDATE answer_check SET due_at = ? WHERE turn_id = ? AND state = 'asked' AND step = ?`,
    args: [due_at, turn_id, step],
    expect: 1,
  };
}

/** To be asked anew. `unpaid`: nobody was paid for what came of it. */
export function again(
  { turn_id, step }: Pick<AnswerCheck, 'turn_id' | 'step'>,
  how: { due_at: number; problem: string; unpaid: boolean },
): Op {
  return {
    verb: 'answer_check.again',
    sql: `UPDATE answer_check SET state = 'planned', step = '', due_at = ?, problem = ?, attempts = attempts - ?
          WHERE turn_id = ? AND ${OPEN} AND step = ?`,
    args: [how.due_at, how.problem, how.unpaid ? 1 : 0, turn_id, step],
    expect: 1,
  };
}

/** What keeps one from being asked keeps all that wait. */
export function putOff(due_at: number, problem: string): Op {
  return {
    verb: 'answer_check.putOff',
    sql: `UPDATE answer_check SET due_at = ?, problem = ? WHERE ${OPEN} AND state = 'planned'`,
    args: [due_at, problem],
  };
}

/** The one end of it (`Fenced` the second time, and when it was forgotten meanwhile). Durable: it is paid for. */
export function end(
  { turn_id, step }: Pick<AnswerCheck, 'turn_id' | 'step'>,
  how:
    | { state: 'done'; verdict: NonNullable<AnswerCheck['verdict']>; claims: readonly string[]; now: number }
    | { state: 'failed' | 'skipped'; problem: string; now: number },
): Op {
  const done = how.state === 'done';
  return {
    verb: 'answer_check.end',
    sql: `UPDATE answer_check SET state = ?, verdict = ?, claims_json = ?, problem = ?, finished_at = ?
          WHERE turn_id = ? AND ${OPEN} AND step = ?`,
    args: [
      how.state,
      done ? how.verdict : null,
      done && how.claims.length > 0 ? JSON.stringify(how.claims) : null,
      done ? null : how.problem,
      how.now,
      turn_id,
      step,
    ],
    expect: 1,
    durable: true,
  };
}

/** Those whose question may be leaving just now. */
export function underWay(now: number): Query<{ turn_id: string }> {
  return {
    verb: 'answer_check.underWay',
    sql: `SELECT turn_id FROM answer_check WHERE ${OPEN} AND state = 'asked' AND due_at > ? AND due_at <= ?`,
    args: [now, now + LEASE_ms],
  };
}

/** The latest answers that nothing bears out. */
export function unsupported(from_at: number, most: number): Query<Pick<AnswerCheck, 'turn_id'>> {
  return {
    verb: 'answer_check.unsupported',
    sql: `SELECT turn_id FROM answer_check WHERE finished_at >= ? AND verdict = 'unsupported'
          ORDER BY finished_at DESC LIMIT ?`,
    args: [from_at, most],
  };
}

export function ofTurn(turn_id: string): Query<AnswerCheck> {
  return {
    verb: 'answer_check.ofTurn',
    sql: 'SELECT * FROM answer_check WHERE turn_id = ?',
    args: [turn_id],
  };
}
