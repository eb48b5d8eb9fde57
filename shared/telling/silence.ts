/** What the owner does not want to hear of for a while. Pure. */

import { SET_BACK_ms } from '../base/clock.ts';
import type { Silence } from '../tables/silence.ts';

type Span = Pick<Silence, 'cause' | 'at' | 'until_at' | 'ended_at'>;

/** @param pattern of causes; a * stands for anything */
export function matches(pattern: string, cause: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return cause === pattern;
  if (!cause.startsWith(first)) return false;
  let from = first.length;
  for (const part of rest) {
    const at = cause.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return cause.length - last.length >= from && cause.endsWith(last);
}

/** One that was given before the clock was set back is over: better told once too often. */
export function isSilenced(cause: string, silences: readonly Span[], now: number): boolean {
  return silences.some(
    (one) =>
      one.ended_at === null && one.at <= now + SET_BACK_ms && now < one.until_at && matches(one.cause, cause),
  );
}

/** One of it has ended since `at`. */
export function hasEnded(cause: string, silences: readonly Span[], at: number, now: number): boolean {
  return silences.some((one) => {
    const end_at = one.ended_at ?? one.until_at;
    return end_at > at && end_at <= now && matches(one.cause, cause);
  });
}
