/** Whether a restart is tried: at once, later, or not any more. Pure. */

import type { Finding } from './verdict.ts';

/** So many within this time, and the next is a person's business. */
const MOST = 4;
const WITHIN_ms = 1_800_000;
const FIRST_ms = 60_000;

/** @param history when this service was restarted, oldest first */
export function mayRestart(history: readonly number[], now: number): 'restart' | 'wait' | 'give up' {
  const recent = recentOf(history, now);
  if (recent.length >= MOST) return 'give up';
  const last = recent.at(-1);
  if (last !== undefined && now - last < FIRST_ms * 2 ** (recent.length - 1)) return 'wait';
  return 'restart';
}

/** That it did not help. While it is tried again that is not over, but no news either. */
export function inVain(name: string, history: readonly number[], now: number): Finding {
  const times = recentOf(history, now).length;
  return {
    cause: `restarts of ${name}`,
    severity: 'critical',
    text: `${name} was restarted ${times} times, and that did not help. Please look: scripts/vigil logs ${name}`,
    follows: mayRestart(history, now) !== 'give up',
  };
}

function recentOf(history: readonly number[], now: number): number[] {
  return history.filter((at) => now - at < WITHIN_ms && at <= now);
}
