/**
 * Time as the house reads it. Rows carry wall-clock milliseconds; durations are measured on the monotonic
 * clock, which neither sleeps through a jump nor repeats an hour. Tests hand in a clock of their own.
 */

/**
 * Of two processes that read the clock one after the other, the second may write first. Only a row from further ahead
 * than this is one from before the clock was set back.
 */
export const SET_BACK_ms = 60_000;

export type Clock = {
  /** Wall clock, integer milliseconds since the epoch: for rows and for people. May jump. */
  now(): number;
  /** Monotonic milliseconds since an arbitrary start: for durations. Never jumps. */
  mono(): number;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  mono: () => performance.now(),
};

/**
 * Resolves after `ms`, or at once when `signal` aborts (it never rejects: a loop that sleeps looks at its signal).
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
