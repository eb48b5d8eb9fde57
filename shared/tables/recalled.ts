/** recalled: which memories and messages were told to the model in a round of a turn, and why. */

import { type Op, type Query, type Table, TURN_LASTS } from './op.ts';

export const table: Table = {
  name: 'recalled',
  about: 'what was recalled in each turn, and why',
  pen: { record: 'core' },
  keeps: { days: 400, since: 'at', unless: TURN_LASTS },
  erase: {
    where: `turn_id IN gone_turn OR (turn_id IN gone_told AND
      CASE kind WHEN 'message' THEN ref IN gone_message ELSE ref IN gone_memory END)`,
  },
};

export type Recalled = {
  id: number;
  turn_id: string;
  round: number;
  place: number;
  kind: 'message' | 'memory';
  /** The id of the message or memory. */
  ref: number;
  score: number;
  /** What it scored by: {"text": 3.2, "context": 0.4}. */
  why_json: string;
  at: number;
};

/** In the commit of the step that tells it. */
export function note(found: Omit<Recalled, 'id'>): Op {
  const { turn_id, round, place, kind, ref, score, why_json, at } = found;
  return {
    verb: 'recalled.note',
    sql: `INSERT INTO recalled (turn_id, round, place, kind, ref, score, why_json, at) VALUES (?,?,?,?,?,?,?,?)`,
    args: [turn_id, round, place, kind, ref, score, why_json, at],
  };
}

/** In the words that it has now; null: it was forgotten. */
export type Told = Recalled & { text: string | null };

/** What was recalled in a turn, best first. */
export function ofTurn(turn_id: string): Query<Told> {
  return {
    verb: 'recalled.ofTurn',
    sql: `SELECT r.*, CASE r.kind WHEN 'memory' THEN (SELECT m.text FROM memory m WHERE m.id = r.ref)
            ELSE (SELECT m.text FROM message m WHERE m.id = r.ref) END AS text
          FROM recalled r WHERE r.turn_id = ? ORDER BY r.round, r.place`,
    args: [turn_id],
  };
}

/** When a memory was told to the model, the latest first. */
export function ofMemory(memory_id: number, most: number): Query<Recalled> {
  return {
    verb: 'recalled.ofMemory',
    sql: `SELECT * FROM recalled WHERE kind = 'memory' AND ref = ? ORDER BY id DESC LIMIT ?`,
    args: [memory_id, most],
  };
}
