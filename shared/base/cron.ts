/**
 * When something is due: five cron fields (minute, hour, day of the month, month, day of the week; crontab(5)), or
 * `at <ISO 8601>` for once. Times are the machine's local ones (or TZ's): an hour that the clock leaves out moves on by
 * it, one that it repeats counts once.
 */

export type Spec = { text: string; at: number } | { text: string; fields: Fields };
type Fields = {
  minutes: Set<number>;
  hours: Set<number>;
  days: Set<number>;
  months: Set<number>;
  weekdays: Set<number>;
  either: boolean;
};

const NAMES = {
  month: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  weekday: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
};

/** @throws Error that says what was expected */
export function readSpec(text: string): Spec {
  const words = text.trim().split(/\s+/);
  const [first = '', second = ''] = words;
  if (first === 'at') {
    const iso =
      /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?$/.test(second) && words.length === 2;
    const at = iso ? Date.parse(second) : Number.NaN;
    if (Number.isNaN(at)) throw new Error(`expected "at" with a time like 2027-03-01T09:00, got "${text}"`);
    return { text: `at ${second}`, at };
  }
  if (words.length !== 5)
    throw new Error(`expected five cron fields, or "at" with a time like 2027-03-01T09:00, got "${text}"`);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = words;
  const weekdays = setOf(weekday, 'day of the week', 0, 7, NAMES.weekday);
  if (weekdays.delete(7)) weekdays.add(0);
  const fields = {
    minutes: setOf(minute, 'minute', 0, 59),
    hours: setOf(hour, 'hour', 0, 23),
    days: setOf(day, 'day of the month', 1, 31),
    months: setOf(month, 'month', 1, 12, ['', ...NAMES.month]),
    weekdays,
    // When both days are restricted, either will do (crontab(5)).
    either: !day.startsWith('*') && !weekday.startsWith('*'),
  };
  return { text: words.join(' '), fields };
}

function setOf(field: string, what: string, from: number, to: number, names: string[] = []): Set<number> {
  const found = new Set<number>();
  for (const part of field.toLowerCase().split(',')) {
    const [, first = '', last, step] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part) ?? [];
    const number = (word: string) => (/^\d+$/.test(word) ? Number(word) : names.indexOf(word || '-'));
    const start = first === '*' ? from : number(first);
    // As in Vixie's cron a single number with a step goes on to the end.
    const end = last !== undefined ? number(last) : first === '*' || step !== undefined ? to : start;
    const by = step === undefined ? 1 : Number(step);
    const wrong =
      first === '' ||
      (first === '*' && last !== undefined) ||
      start < from ||
      end > to ||
      start > end ||
      by < 1;
    if (wrong)
      throw new Error(
        `${what}: expected numbers from ${from} to ${to}, ranges, lists or steps, got "${field}"`,
      );
    for (let value = start; value <= end; value += by) found.add(value);
  }
  return found;
}

/** A 29th of February on a given weekday comes within so many days, if ever. */
const FAR_days = 366 * 40;

/** The first time after `after` (ms) at which it is due; null when there is none any more. */
export function nextOf(spec: Spec, after: number): number | null {
  if ('at' in spec) return spec.at > after ? spec.at : null;
  const { minutes, hours, days, months, weekdays, either } = spec.fields;
  const begin = new Date(after);
  for (let ahead = 0; ahead < FAR_days; ahead++) {
    const day = new Date(begin.getFullYear(), begin.getMonth(), begin.getDate() + ahead);
    if (!months.has(day.getMonth() + 1)) continue;
    const [byDay, byWeekday] = [days.has(day.getDate()), weekdays.has(day.getDay())];
    if (either ? !byDay && !byWeekday : !byDay || !byWeekday) continue;
    for (const hour of [...hours].sort((a, b) => a - b)) {
      for (const minute of [...minutes].sort((a, b) => a - b)) {
        const at = new Date(day.getFullYear(), day.getMonth(), day.getDate(), hour, minute).getTime();
        if (at > after) return at;
      }
    }
  }
  return null;
}
