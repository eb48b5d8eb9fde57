/** wish: what memory is asked to do: to remember, to change, to forget. Anyone asks; `memory` does it, and says what came of it. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'wish',
  about: 'what memory is asked to do, and what came of it',
  pen: { mailbox: 'memory' },
  keeps: 'until forgotten',
  erase: {
    where: 'id IN gone_wish',
    set: `text = NULL, outcome = CASE WHEN state = 'pending' THEN 'what it was about is forgotten' ELSE NULL END,
      state = CASE WHEN state = 'pending' THEN 'refused' ELSE state END`,
  },
};

export type Wish = {
  id: number;
  kind: 'remember' | 'edit' | 'pin' | 'unpin' | 'confirm' | 'reject' | 'forget' | 'undo' | 'consolidate';
  /** Whose memory: see `scopeOf`. */
  scope: string;
  /** Where it was said, and where the outcome is told; null: whoever asked reads the row. */
  conversation: string | null;
  turn_id: string | null;
  /** What to remember, or what a memory shall say from now on. */
  text: string | null;
  memory_id: number | null;
  /** The run that an `undo` takes back. */
  run_id: number | null;
  /** What a `forget` takes, as it was shown: {"memories": [id], "turns": [turn_id], "backups": true}. */
  targets_json: string | null;
  /** 1: the turn that wished it had read words of strangers. */
  tainted: number;
  given_by: string;
  at: number;
  state: 'pending' | 'done' | 'refused';
  outcome: string | null;
  handled_at: number | null;
};

/** What is not told is left open. */
export type Asked = Pick<Wish, 'kind' | 'scope' | 'given_by' | 'at'> &
  Partial<
    Pick<Wish, 'conversation' | 'turn_id' | 'text' | 'memory_id' | 'run_id' | 'targets_json' | 'tainted'>
  >;

export function post(asked: Asked): Op<{ id: number }> {
  return {
    verb: 'wish.post',
    sql: `INSERT INTO wish (kind, scope, conversation, turn_id, text, memory_id, run_id, targets_json, tainted, given_by, at)
          VALUES (?,?,?,?,?,?,?,?,?,?,?) RETURNING id`,
    args: [
      asked.kind,
      asked.scope,
      asked.conversation ?? null,
      asked.turn_id ?? null,
      asked.text ?? null,
      asked.memory_id ?? null,
      asked.run_id ?? null,
      asked.targets_json ?? null,
      asked.tainted ?? 0,
      asked.given_by,
      asked.at,
    ],
    durable: true,
    rings: 'wish',
  };
}

export function of(id: number): Query<Wish> {
  return { verb: 'wish.of', sql: 'SELECT * FROM wish WHERE id = ?', args: [id] };
}

/** Before the one of this id, the newest first. */
export function latest(most: number, before_id = Number.MAX_SAFE_INTEGER): Query<Wish> {
  return {
    verb: 'wish.latest',
    sql: 'SELECT * FROM wish WHERE id < ? ORDER BY id DESC LIMIT ?',
    args: [before_id, most],
  };
}

/** The oldest of these kinds that nobody has worked yet. */
export function next(kinds: readonly Wish['kind'][]): Query<Wish> {
  return {
    verb: 'wish.next',
    sql: `SELECT * FROM wish INDEXED BY wish_pending WHERE state = 'pending' AND kind IN (SELECT value FROM json_each(?))
          ORDER BY id LIMIT 1`,
    args: [JSON.stringify(kinds)],
  };
}

/** Those who wait to forget something, the oldest first. */
export const forgetting: Query<Wish> = {
  verb: 'wish.forgetting',
  sql: `SELECT * FROM wish INDEXED BY wish_pending WHERE state = 'pending' AND kind = 'forget' ORDER BY id`,
  args: [],
};

export function settle(
  id: number,
  { state, outcome, now }: { state: 'done' | 'refused'; outcome: string; now: number },
): Op {
  return {
    verb: 'wish.settle',
    sql: `UPDATE wish SET state = ?, outcome = ?, handled_at = ? WHERE id = ? AND state = 'pending'`,
    args: [state, outcome, now, id],
    expect: 1,
    durable: true,
  };
}

/** When somebody last wanted memory gone over, and it was done. */
export const consolidated: Query<{ handled_at: number }> = {
  verb: 'wish.consolidated',
  sql: `SELECT handled_at FROM wish WHERE kind = 'consolidate' AND state = 'done' ORDER BY id DESC LIMIT 1`,
  args: [],
};
