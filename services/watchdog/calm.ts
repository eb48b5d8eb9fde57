/**
 * When what is found becomes an incident, and when it is over: at once, and when it has not been found for a while. What
 * comes and goes has to stay away for longer, so that it is one incident and not a hundred. Pure, but for its memory.
 */

import { CALMER_ms, FLAPPING_ms, FLAPS } from '#shared/telling/news.ts';
import type { Finding } from './verdict.ts';

type Known = {
  open: boolean;
  /** When it was last found. */
  found_at: number;
  /** When it was opened, of late. */
  opened: number[];
};
export type Memory = Map<string, Known>;

export function settle(
  memory: Memory,
  findings: readonly Finding[],
  { now, calm_ms, blind }: { now: number; calm_ms: number; blind: boolean },
): { opened: Finding[]; closed: string[] } {
  const opened: Finding[] = [];
  const closed: string[] = [];
  for (const finding of findings) {
    if (finding.follows && !memory.get(finding.cause)?.open) continue;
    const known = memory.get(finding.cause) ?? { open: false, found_at: now, opened: [] };
    memory.set(finding.cause, known);
    known.found_at = now;
    if (known.open) continue;
    known.open = true;
    known.opened = [...known.opened.filter((at) => now - at < FLAPPING_ms), now];
    opened.push(finding);
  }
  for (const [cause, known] of memory) {
    // A clock that was set back makes nobody wait.
    const away_ms = now < known.found_at ? Number.POSITIVE_INFINITY : now - known.found_at;
    if (blind) known.found_at = now;
    else if (known.open && away_ms >= (known.opened.length >= FLAPS ? CALMER_ms : calm_ms)) {
      known.open = false;
      closed.push(cause);
    }
    if (!known.open && away_ms > FLAPPING_ms) memory.delete(cause);
  }
  return { opened, closed };
}
