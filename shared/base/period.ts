/**
 * The hours, days and months that budgets go by: the owner's local ones (the machine's time zone, or TZ), over changes
 * of the clock too. Without Intl, whose calendars are 5 MB.
 */

export type PeriodKind = (typeof PERIODS)[number];
export const PERIODS = ['hour', 'day', 'month'] as const;

/** Milliseconds since the epoch; `ends_at` is the first moment after it. */
export type Period = { name: string; starts_at: number; ends_at: number };

const HOUR_ms = 3_600_000;

const latest = new Map<PeriodKind, Period>();

/** The period in which `at` falls. Its name is one of a kind: the hour that a clock set back repeats has two. */
export function periodOf(kind: PeriodKind, at: number): Period {
  const known = latest.get(kind);
  if (known && at >= known.starts_at && at < known.ends_at) return known;
  const found = find(kind, at);
  latest.set(kind, found);
  return found;
}

/** The day that was so many before the one in which `at` falls. */
export function dayBefore(at: number, back: number): Period {
  const local = new Date(at);
  // At noon there is no change of the clock anywhere.
  return periodOf(
    'day',
    new Date(local.getFullYear(), local.getMonth(), local.getDate() - back, 12).getTime(),
  );
}

/** 2026-11-22 09:05 */
export function stamp(at: number): string {
  const local = new Date(at);
  return `${periodOf('day', at).name} ${two(local.getHours())}:${two(local.getMinutes())}`;
}

const two = (n: number) => String(n).padStart(2, '0');

function find(kind: PeriodKind, at: number): Period {
  const local = new Date(at);
  const [year, month, day] = [local.getFullYear(), local.getMonth(), local.getDate()];
  const monthName = `${year}-${two(month + 1)}`;
  if (kind === 'month') return between(monthName, new Date(year, month), new Date(year, month + 1));
  if (kind === 'day') {
    return between(`${monthName}-${two(day)}`, new Date(year, month, day), new Date(year, month, day + 1));
  }
  const starts_at = at - ((at - new Date(year, month, day).getTime()) % HOUR_ms);
  return {
    name: new Date(starts_at).toISOString().slice(0, 16).concat('Z'),
    starts_at,
    // A day that a clock moved by half an hour ends with half an hour.
    ends_at: Math.min(starts_at + HOUR_ms, new Date(year, month, day + 1).getTime()),
  };
}

function between(name: string, from: Date, to: Date): Period {
  return { name, starts_at: from.getTime(), ends_at: to.getTime() };
}
