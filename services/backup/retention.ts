/** Which backups stay: the newest of each of the last so many hours, days and weeks that have one. Pure. */

/** A backup's name is the moment at which it was made, UTC: `2026-11-22T124711.123Z`. */
export function idOf(at: number): string {
  return new Date(at).toISOString().replaceAll(':', '');
}

/** When the backup of this name was made; null for what is no backup's name. */
export function madeAt(id: string): number | null {
  const [, day, h, m, s] = /^(\d{4}-\d\d-\d\d)T(\d\d)(\d\d)(\d\d\.\d{3})Z$/.exec(id) ?? [];
  const at = Date.parse(`${day}T${h}:${m}:${s}Z`);
  return Number.isNaN(at) ? null : at;
}

export type Keep = { keep_hourly: number; keep_daily: number; keep_weekly: number };

/** All but the last go. */
export const NEWEST: Keep = { keep_hourly: 1, keep_daily: 0, keep_weekly: 0 };

/** Those of `ids` that no rule keeps. The newest of all stays in any case; what is no backup's name is left alone. */
export function outdated(ids: readonly string[], keep: Keep): string[] {
  const backups = ids
    .flatMap((id) => {
      const at = madeAt(id);
      return at === null ? [] : [{ id, date: new Date(at) }];
    })
    .toSorted((a, b) => b.date.getTime() - a.date.getTime());
  const rules = [
    { most: keep.keep_hourly, period: (date: Date) => date.toISOString().slice(0, 13) },
    { most: keep.keep_daily, period: dayOf },
    { most: keep.keep_weekly, period: (date: Date) => dayOf(mondayOf(date)) },
  ];
  const kept = new Set(backups.slice(0, 1).map(({ id }) => id));
  for (const { most, period } of rules) {
    const periods = new Set<string>();
    for (const { id, date } of backups) {
      const name = period(date);
      if (periods.has(name)) continue;
      if (periods.size >= most) break;
      periods.add(name);
      kept.add(id);
    }
  }
  return backups.map(({ id }) => id).filter((id) => !kept.has(id));
}

/** Days and weeks are the owner's: local time. */
function dayOf(date: Date): string {
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

function mondayOf(date: Date): Date {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() - ((date.getDay() + 6) % 7));
}
