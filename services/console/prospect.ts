/** Where budgets are heading at their present pace, and which of them stops calls first. Pure. */

import type { Capped } from '#shared/runtime/budgets.ts';

export type Prospect<Of extends Pace = Capped> = {
  budget: Of;
  /** What it will have spent at the end of its period. */
  expected_nanousd: number;
  /** When nothing is left of it; null when its period ends before that. */
  empty_at: number | null;
};

type Pace = Pick<Capped, 'starts_at' | 'ends_at' | 'limit_nanousd' | 'spent_nanousd' | 'held_nanousd'>;

/** The first minutes of a period say little: the pace is that of a twelfth of it at least. */
const LEAST = 1 / 12;

/** @param pace in nano-dollars a millisecond; left out, that of the period so far */
export function prospectOf<Of extends Pace>(
  budget: Of,
  now: number,
  pace = ownPace(budget, now),
): Prospect<Of> {
  const { ends_at, limit_nanousd, spent_nanousd, held_nanousd } = budget;
  const left = limit_nanousd - spent_nanousd - held_nanousd;
  const empty_at = left <= 0 ? now : pace > 0 ? now + left / pace : Number.POSITIVE_INFINITY;
  return {
    budget,
    expected_nanousd: spent_nanousd + pace * Math.max(0, ends_at - now),
    empty_at: empty_at < ends_at ? Math.round(empty_at) : null,
  };
}

function ownPace({ starts_at, ends_at, spent_nanousd }: Pace, now: number): number {
  return spent_nanousd / Math.max(now - starts_at, (ends_at - starts_at) * LEAST);
}

/** Of those that will be used up, the one that is so first. */
export function firstToStop<Of extends Pace>(prospects: readonly Prospect<Of>[]): Prospect<Of> | null {
  return prospects.reduce<Prospect<Of> | null>(
    (first, one) =>
      one.empty_at !== null && (first?.empty_at ?? Number.POSITIVE_INFINITY) > one.empty_at ? one : first,
    null,
  );
}
