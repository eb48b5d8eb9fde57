/**
 * When something is due: five cron fields (minute, hour, day of the month, month, day of the week) or `@daily` and its
 * like, `at <ISO 8601>` for once, `every 15m` for an interval.
 *
 * node-cron reads the fields. Their times are worked out here, because node-cron works them out from the present moment
 * only, leaves out what falls into an hour that the clock skips, and takes two restricted days as "both" where crontab(5)
 * says "either". Here an hour that is left out moves on by it, and one that is repeated counts once.
 */

import { parse, validateDetailed } from 'node-cron';

export type Spec = { text: string } & (
  | { at: number }
  | { every_ms: number; from: number }
  | { fields: Fields; offset: Offset }
);
type Fields = {
  minutes: number[];
  hours: number[];
  days: number[];
  months: number[];
  weekdays: number[];
  either: boolean;
};
/** How far a zone's clocks are ahead of UTC at a time. */
type Offset = (at: number) => number;

const UNIT_ms: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const DAY_ms = 86_400_000;
const MOST_ms = 366 * DAY_ms;
const ISO = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2}))?(Z|[+-]\d{2}:\d{2})?$/;
const EXPECTED =
  'expected five cron fields ("0 8 * * 1-5"), "every 15m", or "at" with a time like 2027-03-01T09:00';

/**
 * @param zone the name of a time zone; null: the machine's (or TZ's)
 * @param now what an interval counts from, when the text does not say, and what `in 20m` is relative to
 * @throws Error that says what was expected
 */
export function readSpec(text: string, zone: string | null = null, now = 0): Spec {
  const words = text.trim().split(/\s+/);
  const [first = '', second = ''] = words;
  if (first === 'at' && words.length === 2) {
    const at = timeOf(second, offsetOf(zone));
    if (at === null) throw new Error(`${EXPECTED}, got "${text}"`);
    return { text: `at ${second}`, at };
  }
  if (first === 'in' && words.length === 2) {
    const at = fullSecond(now + span(second, text));
    return { text: `at ${isoOf(at)}`, at };
  }
  if (first === 'every') return everyOf(words, text, now);
  if (words.length !== 5 && !first.startsWith('@')) throw new Error(`${EXPECTED}, got "${text}"`);
  return { text: words.join(' '), fields: fieldsOf(words), offset: offsetOf(zone) };
}

/** `every 15m`, counted from a moment that its text keeps. */
function everyOf([, length = '', word, start = '', more]: string[], text: string, now: number): Spec {
  const every_ms = span(length, text);
  const from = word === 'from' ? timeOf(start, offsetOf(null)) : fullSecond(now);
  if (from === null || more !== undefined || (word !== undefined && word !== 'from')) {
    throw new Error(`expected "every 15m", perhaps with "from 2027-03-01T09:00", got "${text}"`);
  }
  return { text: `every ${length} from ${isoOf(from)}`, every_ms, from };
}

function span(word: string, text: string): number {
  const [, count = '', unit = ''] = /^([1-9]\d{0,5})([mhd])$/.exec(word) ?? [];
  const ms = Number(count) * (UNIT_ms[unit] ?? 0);
  if (ms === 0 || ms > MOST_ms) {
    throw new Error(`expected a time as in 15m, 2h or 3d, a year at most, got "${text}"`);
  }
  return ms;
}

function fullSecond(at: number): number {
  return at - (at % 1000);
}

function isoOf(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}

function timeOf(iso: string, offset: Offset): number | null {
  const [, year, month, day, hour, minute, second = '0', zone] = ISO.exec(iso) ?? [];
  const fields = [year, month, day, hour, minute, second].map(Number);
  const [y = Number.NaN, mo = 0, d = 0, h = 0, mi = 0, s = 0] = fields;
  const wall = Date.UTC(y, mo - 1, d, h, mi, s);
  // The 30th of February is not the 2nd of March, nor a 13th month January.
  if (Number.isNaN(wall) || new Date(wall).getUTCDate() !== d || mo > 12 || h > 23 || mi > 59 || s > 59)
    return null;
  if (zone === undefined) return instant(wall, offset);
  const at = Date.parse(iso);
  return Number.isNaN(at) ? null : at;
}

function fieldsOf(words: string[]): Fields {
  const text = words.join(' ');
  const { valid, errors } = validateDetailed(text);
  if (!valid) {
    throw new Error(`${EXPECTED}, got "${text}": ${errors.map(({ message }) => message).join('; ')}`);
  }
  const { minute, hour, dayOfMonth, month, dayOfWeek } = parse(text);
  const sorted = (values: (number | string)[]): number[] =>
    values
      .map((value) => {
        if (typeof value === 'number') return value;
        throw new Error(`expected numbers, names, ranges, lists or steps, got "${value}" in "${text}"`);
      })
      .sort((a, b) => a - b);
  const [, , day = '*', , weekday = '*'] = words;
  return {
    minutes: sorted(minute),
    hours: sorted(hour),
    days: sorted(dayOfMonth),
    months: sorted(month),
    weekdays: sorted(dayOfWeek),
    // When both days are restricted, either will do (crontab(5)).
    either: !/^[*?]/.test(day) && !/^[*?]/.test(weekday),
  };
}

/** A 29th of February on a given weekday comes within so many days, if ever. */
const FAR_days = 366 * 40;
const HOUR_ms = 3_600_000;
/** No clock is moved by more; within so much, the order on the wall is not always the order in time. */
const CHANGE_ms = 2 * HOUR_ms;

/** The first time after `after` (ms) at which it is due; null when there is none any more. */
export function nextOf(spec: Spec, after: number): number | null {
  if ('at' in spec) return spec.at > after ? spec.at : null;
  if ('every_ms' in spec) {
    const passed = Math.floor((after - spec.from) / spec.every_ms);
    return spec.from + Math.max(1, passed + 1) * spec.every_ms;
  }
  const { fields, offset } = spec;
  const { minutes, hours, days, months, weekdays, either } = fields;
  const begin = after + offset(after) - CHANGE_ms;
  const midnight = begin - (((begin % DAY_ms) + DAY_ms) % DAY_ms);
  let first = Number.POSITIVE_INFINITY;
  let end = first;
  for (let ahead = 0; ahead < FAR_days; ahead++) {
    const day = new Date(midnight + ahead * DAY_ms);
    if (day.getTime() > end) break;
    if (!months.includes(day.getUTCMonth() + 1)) continue;
    const [byDay, byWeekday] = [days.includes(day.getUTCDate()), weekdays.includes(day.getUTCDay())];
    if (either ? !byDay && !byWeekday : !byDay || !byWeekday) continue;
    for (const hour of hours) {
      const wall = day.getTime() + hour * HOUR_ms;
      if (wall + HOUR_ms <= begin) continue;
      if (wall > end) break;
      for (const minute of minutes) {
        const at = instant(wall + minute * 60_000, offset);
        if (at <= after || at >= first) continue;
        first = at;
        end = at + offset(at) + CHANGE_ms;
      }
    }
  }
  return first === Number.POSITIVE_INFINITY ? null : first;
}

/** When the clocks on the wall show it, for the first time; one that they leave out is shown later by as much. */
function instant(wall: number, offset: Offset): number {
  const [before, after] = [offset(wall - DAY_ms), offset(wall + DAY_ms)];
  const first = wall - before;
  if (before === after || offset(first) === before) return first;
  const second = wall - after;
  return offset(second) === after ? second : first;
}

const QUARTER_ms = 900_000;
const MOST_SEEN = 1000;
const zones = new Map<string, Offset>();

/** @throws Error for a zone that there is not */
export function offsetOf(zone: string | null): Offset {
  // Without Intl, whose calendars are 5 MB: few jobs name a zone of their own.
  if (zone === null) return (at) => -new Date(at).getTimezoneOffset() * 60_000;
  const known = zones.get(zone);
  if (known) return known;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  } catch (cause) {
    throw new Error(`expected the name of a time zone, such as Europe/Berlin, got "${zone}"`, { cause });
  }
  const seen = new Map<number, number>();
  const offset: Offset = (at) => {
    // Clocks are changed at full quarters of an hour; Intl takes its time.
    const quarter = Math.floor(at / QUARTER_ms);
    const before = seen.get(quarter);
    if (before !== undefined) return before;
    const [, sign, hours = '0', minutes = '0'] = /GMT([+-])(\d{2}):(\d{2})/.exec(format.format(at)) ?? [];
    const found = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
    if (seen.size > MOST_SEEN) seen.clear();
    seen.set(quarter, found);
    return found;
  };
  zones.set(zone, offset);
  return offset;
}

/**
 * As it is read from somebody who sets it up now.
 * @throws Error for what it never would be due by any more, too
 */
export function readNew(text: string, zone: string | null, now: number): Spec {
  const spec = readSpec(text, zone, now);
  if (nextOf(spec, now) === null) throw new Error(`"${text}" is never due any more: expected a time to come`);
  return spec;
}

/** The next times, for people. */
export function nextTimes(spec: Spec, after: number, most: number): number[] {
  const times: number[] = [];
  for (let at = nextOf(spec, after); at !== null && times.length < most; at = nextOf(spec, at))
    times.push(at);
  return times;
}
