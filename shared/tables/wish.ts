/** wish: what memory is asked to do: to remember, to change, to forget. Anyone asks; `memory` does it, and says what came of it. */

import type { Table } from './op.ts';

export const table: Table = {
  name: 'wish',
  about: 'what memory is asked to do, and what came of it',
  pen: { mailbox: 'memory' },
  keeps: 'until forgotten',
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
  /** What a `forget` takes, as it was shown: {"memories": [id], "turns": [turn_id]}. */
  targets_json: string | null;
  /** 1: the turn that wished it had read words of strangers. */
  tainted: number;
  given_by: string;
  at: number;
  state: 'pending' | 'done' | 'refused';
  outcome: string | null;
  handled_at: number | null;
};
