/** When runs rest: after several in a row that brought nothing, for a day, and for twice as long after each one more. Pure. */

const DAY_ms = 86_400_000;
const LONGEST_days = 32;

/** So many of the latest runs are looked at: no more can make it longer. */
export const looked = (barren_runs: number) => barren_runs + Math.log2(LONGEST_days);

/**
 * @param yields of the latest runs, the newest first
 * @returns since and until when; null: they have brought something
 */
export function restOf(
  yields: readonly { changes: number; finished_at: number }[],
  barren_runs: number,
): { until_at: number } | null {
  const fruitful = yields.findIndex(({ changes }) => changes > 0);
  const barren = fruitful === -1 ? yields.length : fruitful;
  const [latest] = yields;
  if (!latest || barren < barren_runs) return null;
  const days = Math.min(LONGEST_days, 2 ** (barren - barren_runs));
  return { until_at: latest.finished_at + days * DAY_ms };
}
