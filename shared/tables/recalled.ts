/** recalled: which memories and messages were told to the model in a round of a turn, and why. */

import { type Table, TURN_LASTS } from './op.ts';

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
