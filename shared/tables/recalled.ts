/** recalled: which memories and messages were told to the model in a round of a turn, and why. */

import { type Query, type Table, TURN_LASTS } from './op.ts';

export const table: Table = {
  name: 'recalled',
  about: 'what was recalled in each turn, and why',
  pen: { record: 'core' },
  keeps: { days: 400, since: 'at', unless: TURN_LASTS },
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

/** When a memory was told to the model, the latest first. */
export function ofMemory(memory_id: number, most: number): Query<Recalled> {
  return {
    verb: 'recalled.ofMemory',
    sql: `SELECT * FROM recalled WHERE kind = 'memory' AND ref = ? ORDER BY id DESC LIMIT ?`,
    args: [memory_id, most],
  };
}
