/** Where the money is going: what a budget will have cost at its end, if it goes on as it went. */

export type Hour = { hour_at: number; cost_nanousd: number };

const HOUR_ms = 3_600_000;

/** What counts as "as it went", for each period. */
const LOOK_BACK_ms = { hour: HOUR_ms, day: 24 * HOUR_ms, month: 7 * 24 * HOUR_ms };

/** Nano-dollars a millisecond. A house that is younger than the look back is judged by its own age. */
export function pace(hours: readonly Hour[], kind: keyof typeof LOOK_BACK_ms, now: number): number {
  const from_at = now - LOOK_BACK_ms[kind];
  const first = Math.min(...hours.map(({ hour_at }) => hour_at));
  const counted = hours.filter(({ hour_at }) => hour_at > from_at - HOUR_ms && hour_at <= now);
  const cost = counted.reduce((sum, { hour_at, cost_nanousd }) => {
    // The hour in which the look back begins counts in part.
    const part = Math.min(1, (hour_at + HOUR_ms - from_at) / HOUR_ms);
    return sum + cost_nanousd * part;
  }, 0);
  const span_ms = Math.min(LOOK_BACK_ms[kind], Math.max(HOUR_ms, now - first));
  return hours.length === 0 ? 0 : cost / span_ms;
}

/** Of one day, at the end of each of its hours so far, the present one included. */
export function grown(hours: readonly Hour[], starts_at: number, now: number): number[] {
  const steps = Math.floor((now - starts_at) / HOUR_ms) + 1;
  const sums: number[] = [];
  for (let nth = 0; nth < steps; nth++) {
    const [from, to] = [starts_at + nth * HOUR_ms, starts_at + (nth + 1) * HOUR_ms];
    const cost = hours
      .filter(({ hour_at }) => hour_at >= from && hour_at < to)
      .reduce((sum, { cost_nanousd }) => sum + cost_nanousd, 0);
    sums.push((sums.at(-1) ?? 0) + cost);
  }
  return sums;
}
