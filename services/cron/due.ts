/** Which times of a job have come, and what becomes of each. Pure. */

import { nextOf, type Spec } from '#shared/base/cron.ts';
import type { Schedule } from '#shared/tables/schedule.ts';

/** Later than this, a time was missed: the house was down, asleep or halted, or the clock has jumped ahead. */
export const GRACE_ms = 60_000;
/** Of missed times, so many of the latest are slots; those before them are only told of. */
export const MOST_MISSED = 100;
const HOUR_ms = 3_600_000;

/** The times after `upto_at` that have come, `MOST_MISSED` of the latest; `more`: there were others before them. */
export function timesOf(spec: Spec, upto_at: number, now: number): { times: number[]; more: boolean } {
  // From the latest hour back, so that a job of every minute is not counted through a year of absence.
  for (let span_ms = HOUR_ms; ; span_ms *= 4) {
    const from = Math.max(upto_at, now - span_ms);
    const times: number[] = [];
    for (let at = nextOf(spec, from); at !== null && at <= now; at = nextOf(spec, at)) times.push(at);
    if (times.length < MOST_MISSED && from > upto_at) continue;
    const latest = times.slice(-MOST_MISSED);
    return { times: latest, more: latest.length > 0 && nextOf(spec, upto_at) !== latest[0] };
  }
}

export type Verdict = { due_at: number; state: 'due' | 'skipped'; reason: string | null };

const MADE_UP = 'missed, and made up for';

export function verdictsOn(
  rule: Schedule['missed'],
  { times, more }: { times: readonly number[]; more: boolean },
  now: number,
): Verdict[] {
  const late = times.filter((at) => now - at > GRACE_ms);
  const last = late.length === times.length ? late.at(-1) : undefined;
  const others = more ? ', and others before it' : '';
  return times.map((due_at, i) => {
    if (now - due_at <= GRACE_ms) return { due_at, state: 'due', reason: null };
    const made = rule === 'all' || (rule === 'once' && due_at === last);
    const reason = made ? MADE_UP : rule === 'once' ? 'missed: a later one stands for it' : 'missed';
    return { due_at, state: made ? 'due' : 'skipped', reason: i === 0 ? reason + others : reason };
  });
}
