/** answer_check: an answer held against its own sources and tool results by the fast tier. */

import type { Query, Table } from './op.ts';

export const table: Table = {
  name: 'answer_check',
  about: 'answers that were held against their own sources',
  pen: { record: 'metrics' },
  keeps: { days: 400, since: 'finished_at' },
};

export type AnswerCheck = {
  turn_id: string;
  model: string;
  state: 'planned' | 'asked' | 'done' | 'failed' | 'skipped';
  step: string;
  verdict: 'supported' | 'unsupported' | 'unclear' | null;
  claims_json: string | null;
  problem: string | null;
  attempts: number;
  due_at: number;
  at: number;
  finished_at: number | null;
};

export function ofTurn(turn_id: string): Query<AnswerCheck> {
  return {
    verb: 'answer_check.ofTurn',
    sql: 'SELECT * FROM answer_check WHERE turn_id = ?',
    args: [turn_id],
  };
}
