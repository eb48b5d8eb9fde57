/** Days and weeks, where the machine is: from midnight to midnight, from Monday to Monday, over changes of the clock too. */

/** `ends_at` is the first moment after it. */
export type Period = { period: 'day' | 'week'; starts_at: number; ends_at: number };

/** The one in which `at` falls, or one that is so many `back`. */
export function periodAt(period: Period['period'], at: number, back = 0): Period {
  const local = new Date(at);
  const days = period === 'day' ? 1 : 7;
  const first = local.getDate() - (period === 'day' ? 0 : (local.getDay() + 6) % 7) - days * back;
  const midnight = (more: number) => new Date(local.getFullYear(), local.getMonth(), first + more).getTime();
  return { period, starts_at: midnight(0), ends_at: midnight(days) };
}

/** Of `2026-11-22` or `2026-11-22 09:05`, where the machine is; null: it is neither. */
export function timeOf(words: string): number | null {
  const [, year, month, day, hour = '0', minute = '0'] =
    /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::\d\d)?)?$/.exec(words.trim()) ?? [];
  if (year === undefined) return null;
  const at = new Date(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute));
  // February 30 would become March.
  return at.getMonth() === Number(month) - 1 && at.getDate() === Number(day) ? at.getTime() : null;
}
