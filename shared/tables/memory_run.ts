/** memory_run: one pass over new messages: by rule, or by a model, at once or in a batch of the provider's. */

import type { Table } from './op.ts';

export const table: Table = {
  name: 'memory_run',
  about: 'the passes over new messages, and what they brought',
  pen: { record: 'memory' },
  keeps: 'until forgotten',
  // What is on its way from a model about it is not waited for.
  erase: {
    where: 'id IN gone_run',
    set: `answer_json = NULL, problem = CASE WHEN state IN ('planned', 'submitted', 'received') THEN 'what it read was forgotten' ELSE problem END,
      finished_at = coalesce(finished_at, CASE WHEN state IN ('planned', 'submitted', 'received') THEN due_at END),
      state = CASE WHEN state IN ('planned', 'submitted', 'received') THEN 'failed' ELSE state END`,
  },
};

export type Run = {
  id: number;
  scope: string;
  conversation: string;
  how: 'rule' | 'model' | 'batch';
  /** Of the messages' ids and words and of the prompt: the same pass is never made twice. */
  input_hash: string;
  after_id: number;
  upto_id: number;
  state: 'planned' | 'submitted' | 'received' | 'applied' | 'failed' | 'refused' | 'undone';
  /** The provider's name for the batch. */
  batch_ref: string | null;
  /** What the model said; emptied once it is applied. */
  answer_json: string | null;
  attempts: number;
  due_at: number;
  tokens: number | null;
  cost_nanousd: number | null;
  changes: number | null;
  rejected: number | null;
  problem: string | null;
  created_at: number;
  finished_at: number | null;
};
