/**
 * What of all that is due is said now. What comes and goes is said as one thing that lasts: whoever opens an incident may
 * close it again at once, and none of the hundred is worth waking anybody for. Pure.
 */

import type { Due } from '../tables/telling.ts';

/** So often within this time is flapping, and then it is over when it has stayed away for so long. */
export const FLAPS = 3;
export const FLAPPING_ms = 3_600_000;
export const CALMER_ms = 600_000;

/** As much as it takes to judge; `times`: how often its cause has been opened of late. */
export type Item = Pick<Due, 'id' | 'cause' | 'phase' | 'closed_at'> & { times: number };

/**
 * `say` it; `drop` it unsaid: an end and the next begin are one thing that goes on. Whatever is in neither waits, the end
 * of what has come and gone until it has stayed away for a while.
 */
export function sift<T extends Item>(due: readonly T[], now: number): { say: T[]; drop: T[] } {
  const say: T[] = [];
  const drop: T[] = [];
  for (const one of due) {
    const same = due.filter(({ cause }) => cause === one.cause);
    const goesOn =
      one.phase === 'over'
        ? same.some(({ id, phase }) => phase === 'begun' && id > one.id)
        : same.some(({ id, phase }) => phase === 'over' && id < one.id);
    const away_ms = now - (one.closed_at ?? now);
    if (goesOn) drop.push(one);
    else if (one.phase === 'begun' || one.times < FLAPS || away_ms >= CALMER_ms || away_ms < 0) say.push(one);
  }
  return { say, drop };
}
