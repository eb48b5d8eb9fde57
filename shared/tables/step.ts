/**
 * step: what a turn has done so far, word for word, so that it resumes where it was and so that the next turn can say
 * the same to the model, from its cache.
 *
 * A turn goes in rounds, from 1. In each, people may have said something (`heard`), of which something is remembered
 * (`recalled`), the model answers (`model`), and its tools bring their results (`tools`, which with the next round's
 * `heard` makes the model's next question).
 */

import { type Op, type Query, type Table, TURN_LASTS } from './op.ts';

export const table: Table = {
  name: 'step',
  about: 'the checkpoints of each turn, as the model was told them',
  pen: { record: 'core' },
  keeps: { days: 400, since: 'at', unless: TURN_LASTS },
  // What was told of it in other turns goes from their history too.
  erase: { where: "turn_id IN gone_turn OR (kind = 'recalled' AND turn_id IN gone_told)" },
};

export type Step = {
  turn_id: string;
  round: number;
  kind: 'heard' | 'recalled' | 'model' | 'tools';
  /** Content blocks of the Messages API; a file stands as `{ type: 'file', … }`, and is read when it is sent. */
  content_json: string;
  stop_reason: string | null;
  model: string | null;
  /** The ledger's row of the answer. */
  call_id: string | null;
  at: number;
};

/** Durable: a step that was paid for is not paid for again. */
export function record(step: Step): Op {
  return {
    verb: 'step.record',
    sql: `INSERT INTO step (turn_id, round, kind, content_json, stop_reason, model, call_id, at)
          VALUES (?,?,?,?,?,?,?,?)`,
    args: [
      step.turn_id,
      step.round,
      step.kind,
      step.content_json,
      step.stop_reason,
      step.model,
      step.call_id,
      step.at,
    ],
    durable: true,
  };
}

/**
 * The steps of the latest `most` turns of a conversation that are done, turn by turn, the oldest first: those after the
 * turn `after`, begun since `since_at`. The ids of turns grow with time. Without what was recalled in them: what bears
 * on a new question is recalled anew.
 */
export function recent(
  conversation: string,
  { after, since_at, most }: { after: string; since_at: number; most: number },
): Query<Step> {
  return {
    verb: 'step.recent',
    sql: `SELECT s.* FROM (SELECT id FROM turn WHERE conversation = ? AND id > ? AND state = 'done' AND created_at >= ?
            ORDER BY id DESC LIMIT ?) t JOIN step s ON s.turn_id = t.id WHERE s.kind <> 'recalled'
          ORDER BY s.turn_id, s.round, s.kind`,
    args: [conversation, after, since_at, most],
  };
}

/** What a turn has done, in the order in which it did it. */
export function of(turn_id: string): Query<Step> {
  return {
    verb: 'step.of',
    sql: `SELECT * FROM step WHERE turn_id = ? ORDER BY round, instr('heard recalled model tools', kind)`,
    args: [turn_id],
  };
}
