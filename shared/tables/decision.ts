/** decision: what was chosen, on what grounds. One row for each answer, each tool that was chosen, and each giving up. */

import { type Op, type Query, type Table, TURN_LASTS } from './op.ts';

export const table: Table = {
  name: 'decision',
  about: 'what was chosen in each turn, and why',
  pen: { record: 'core' },
  keeps: { days: 400, since: 'at', unless: TURN_LASTS },
  erase: { where: 'turn_id IN gone_turn', set: 'subject_json = NULL, reasoning = NULL' },
};

export type Decision = {
  id: string;
  turn_id: string;
  round: number;
  /** The ledger's row: what it cost is there, and in `exchange` the whole of what the model was told, word for word. */
  call_id: string | null;
  conversation: string;
  /** Who asked. */
  sender: string | null;
  model: string | null;
  /** `answer`, `stop` (a bound, a loop, the owner), `give up`, `escalate`, or `tool <name>`. */
  action: string;
  /** A tool's input; null for an answer, which is in `message`. */
  subject_json: string | null;
  /** The model's own thinking, when it gives it. */
  reasoning: string | null;
  /** From 0 to 1, as the model said it; null when it said none. */
  confidence: number | null;
  at: number;
};

export function record(decision: Decision): Op {
  return {
    verb: 'decision.record',
    sql: `INSERT INTO decision (id, turn_id, round, call_id, conversation, sender, model, action, subject_json, reasoning,
            confidence, at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`,
    args: [
      decision.id,
      decision.turn_id,
      decision.round,
      decision.call_id,
      decision.conversation,
      decision.sender,
      decision.model,
      decision.action,
      decision.subject_json,
      decision.reasoning,
      decision.confidence,
      decision.at,
    ],
    durable: true,
  };
}

export function ofTurn(turn_id: string): Query<Decision> {
  return {
    verb: 'decision.ofTurn',
    sql: 'SELECT * FROM decision WHERE turn_id = ? ORDER BY round, id',
    args: [turn_id],
  };
}

/** The one whose id begins so; two when that says too little. */
export function found(prefix: string): Query<Decision> {
  return {
    verb: 'decision.found',
    sql: 'SELECT * FROM decision WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 2',
    args: [prefix, `${prefix}~`],
  };
}

/** The latest, with what their model calls cost. @param action the beginning of it: `tool`, `tool read_file`, `answer` */
export function latest(
  from_at: number,
  action: string,
  most: number,
): Query<Decision & { cost_nanousd: number | null }> {
  return {
    verb: 'decision.latest',
    sql: `SELECT d.*, c.cost_nanousd FROM decision d LEFT JOIN call c ON c.id = d.call_id
          WHERE d.at >= ? AND substr(d.action, 1, length(?)) = ? ORDER BY d.at DESC, d.id DESC LIMIT ?`,
    args: [from_at, action, action, most],
  };
}
