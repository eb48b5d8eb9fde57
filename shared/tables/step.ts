/** step: what a turn has done so far, so that it resumes at its last step instead of beginning again. */

import type { Op, Table } from './op.ts';

export const table: Table = {
  name: 'step',
  about: 'the checkpoints of each turn',
  pen: { record: 'core' },
  keeps: '400 days',
};

export type Step = {
  turn_id: string;
  n: number;
  kind: 'model';
  /** The content blocks as the model gave them. */
  content_json: string;
  stop_reason: string | null;
  model: string;
  at: number;
};

/** Durable: a step that was paid for is not paid for again. */
export function record(step: Step): Op {
  return {
    verb: 'step.record',
    sql: 'INSERT INTO step (turn_id, n, kind, content_json, stop_reason, model, at) VALUES (?,?,?,?,?,?,?)',
    args: [step.turn_id, step.n, step.kind, step.content_json, step.stop_reason, step.model, step.at],
    durable: true,
  };
}
