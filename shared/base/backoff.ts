/**
 * How long to wait before trying again: exponential with full jitter, so that those who failed together do not
 * come back together.
 */

export type Backoff = { first_ms: number; most_ms: number };

/** A wait in (half, whole] of first × 2^failures, at most `most_ms`; `failures` counts from 0. */
export function backoff_ms(failures: number, { first_ms, most_ms }: Backoff, random = Math.random): number {
  const whole = Math.min(most_ms, first_ms * 2 ** Math.min(failures, 30));
  return Math.ceil(whole / 2 + (whole / 2) * random());
}
