/** Whether a restart is tried: at once, later, or not any more. Pure. */

/** So many within this time, and the next is a person's business. */
const MOST = 4;
const WITHIN_ms = 1_800_000;
const FIRST_ms = 60_000;

/** @param history when this service was restarted, oldest first */
export function mayRestart(history: readonly number[], now: number): 'restart' | 'wait' | 'give up' {
  const recent = history.filter((at) => now - at < WITHIN_ms && at <= now);
  if (recent.length >= MOST) return 'give up';
  const last = recent.at(-1);
  if (last !== undefined && now - last < FIRST_ms * 2 ** (recent.length - 1)) return 'wait';
  return 'restart';
}
