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

/** Those who wait to forget something, the oldest first. */
export const forgetting: Query<Wish> = {
  verb: 'wish.forgetting',
  sql: `SELECT * FROM wish INDEXED BY wish_pending WHERE state = 'pending' AND kind = 'forget' ORDER BY id`,
  args: [],
};

/** It has come to its end, once. Durable: whoever wished it is told so. */
export function end(id: number, how: { state: 'done' | 'refused'; outcome: string; now: number }): Op {
  return {
    verb: 'wish.end',
    sql: `UPDATE wish SET state = ?, outcome = ?, handled_at = ? WHERE id = ? AND state = 'pending'`,
    args: [how.state, how.outcome, how.now, id],
    expect: 1,
    durable: true,
  };
}
