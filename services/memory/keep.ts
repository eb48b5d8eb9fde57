/**
 * What memory is changed by: whatever finds something out, rules, models or wishes, hands in changes, and here they become
 * rows, all of one cause in one commit with its own end. So a death at any line leaves all of them or none.
 */

import type { Context } from '#shared/runtime/context.ts';
import type { Memory } from '#shared/tables/memory.ts';
import type { Run } from '#shared/tables/memory_run.ts';
import type { Op } from '#shared/tables/op.ts';
import type { Wish } from '#shared/tables/wish.ts';
import type { Change } from './change.ts';

export type Keeper = Pick<Context<unknown>, 'store' | 'clock' | 'log' | 'persist' | 'home'>;

/** What the changes are from. */
export type Cause = ({ run: Pick<Run, 'how' | 'input_hash'> } | { wish: Wish }) & {
  /** Carried out before the changes, in their commit: the row of a run that begins with it. */
  opening?: readonly Op[];
  /** Carried out after them, in their commit: the state of the run or wish, and what is told of it. */
  finishing?(outcome: Outcome): readonly Op[];
};

export type Outcome = {
  /** How many changes took effect; what is proposed, disputed or quarantined counts too. */
  applied: number;
  kept: { change: Change; uid: string; status: Memory['status'] }[];
  rejected: { change: Change; why: string }[];
  /** The run would take back too much at once: nothing was changed. */
  refused: string | null;
};

export async function applyChanges(
  _ctx: Keeper,
  _cause: Cause,
  _scope: string,
  _changes: readonly Change[],
): Promise<Outcome> {
  return { applied: 0, kept: [], rejected: [], refused: null };
}
