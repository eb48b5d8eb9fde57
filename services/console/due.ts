/** When something is due, in words; and its next times as the clocks on the wall of its zone show them. Pure. */

import { nextTimes, offsetOf, type Spec } from '#shared/base/cron.ts';

const UNITS: Readonly<Record<string, string>> = { m: 'minute', h: 'hour', d: 'day' };
const NICKNAMES: Readonly<Record<string, string>> = {
  '@hourly': 'every hour, on the hour',
  '@daily': 'at 00:00, every day',
  '@midnight': 'at 00:00, every day',
  '@weekly': 'at 00:00, on Sunday',
  '@monthly': 'at 00:00, on day 1 of the month',
  '@yearly': 'at 00:00, on day 1 of the month, in January',
  '@annually': 'at 00:00, on day 1 of the month, in January',
};
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const MONTHS = [
  ...['', 'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September'],
  ...['October', 'November', 'December'],
];

/** @param text as `readSpec` of shared/base/cron.ts takes it */
export function inWords(text: string): string {
  const words = text.trim().split(/\s+/);
  const [first = '', length = ''] = words;
  if (first === 'at') return 'once';
  if (first === 'every') {
    const [, count = '', unit = ''] = /^(\d+)([mhd])$/.exec(length) ?? [];
    return every(Number(count), UNITS[unit] ?? 'time');
  }
  const nickname = NICKNAMES[first.toLowerCase()];
  if (nickname !== undefined) return nickname;
  if (words.length !== 5) return text;
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = words;
  return [
    timesIn(minute, hour),
    ...daysIn(day, weekday),
    ...(isAny(month) ? [] : [`in ${named(month, MONTHS)}`]),
  ].join(', ');
}

const isAny = (field: string) => field === '*' || field === '?';
const isPlain = (field: string) => /^\d+(,\d+)*$/.test(field);
const two = (number: string) => number.padStart(2, '0');

function every(count: number, unit: string): string {
  return count === 1 ? `every ${unit}` : `every ${count} ${unit}s`;
}

const MOST_TIMES = 6;

function timesIn(minute: string, hour: string): string {
  const step = /^\*\/(\d+)$/.exec(minute)?.[1];
  if (isPlain(minute) && isPlain(hour)) {
    const times = hour.split(',').flatMap((h) => minute.split(',').map((m) => `${two(h)}:${two(m)}`));
    if (times.length <= MOST_TIMES) return `at ${listed(times)}`;
  }
  const minutes =
    step !== undefined
      ? every(Number(step), 'minute')
      : isAny(minute)
        ? 'every minute'
        : `at minute ${named(minute)}`;
  if (isAny(hour)) return isPlain(minute) ? `${minutes} of every hour` : minutes;
  const hours = /^\*\/(\d+)$/.exec(hour)?.[1];
  if (hours !== undefined) return `${minutes} of ${every(Number(hours), 'hour')}`;
  const [, from, to] = /^(\d+)-(\d+)$/.exec(hour) ?? [];
  if (from !== undefined && to !== undefined) return `${minutes} from ${two(from)}:00 to ${two(to)}:59`;
  return `${minutes} of hour ${named(hour)}`;
}

/** When both are restricted, either will do (crontab(5)). */
function daysIn(day: string, weekday: string): string[] {
  const byDay = isAny(day) ? [] : [`on day ${named(day)} of the month`];
  const byWeekday = isAny(weekday) ? [] : [`on ${named(weekday, WEEKDAYS)}`];
  if (byDay.length + byWeekday.length === 0) return ['every day'];
  return byDay.length > 0 && byWeekday.length > 0 ? [`${byDay} or ${byWeekday}`] : [...byDay, ...byWeekday];
}

function named(field: string, names: readonly string[] = []): string {
  const one = (word: string) =>
    names[Number(word)] ??
    names.find((name) => name !== '' && name.toLowerCase().startsWith(word.toLowerCase())) ??
    word;
  return listed(
    field.split(',').map((part) => {
      const [range = '', step] = part.split('/');
      const [from = '', to] = range.split('-');
      const words = to === undefined ? (isAny(from) ? 'any' : one(from)) : `${one(from)} to ${one(to)}`;
      return step === undefined ? words : `every ${step}. of ${words}`;
    }),
  );
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

export type Fire = {
  at: number;
  /** As the clocks show it: `Sat 2027-03-27 08:00`. */
  wall: string;
  /** By how much the clocks have been changed since the one before, in words. */
  changed: string | null;
};

/** The next times of a job, and where the clocks are changed between them. */
export function firesOf(spec: Spec, zone: string | null, now: number, most: number): Fire[] {
  const offset = offsetOf(zone);
  let before = offset(now);
  return nextTimes(spec, now, most).map((at) => {
    const by = offset(at) - before;
    before += by;
    const wall = new Date(at + before);
    return {
      at,
      wall: `${DAYS[wall.getUTCDay()]} ${wall.toISOString().slice(0, 16).replace('T', ' ')}`,
      changed:
        by === 0
          ? null
          : `the clocks go ${by > 0 ? 'forward' : 'back'} by ${Math.abs(by) / 60_000} min before it`,
    };
  });
}
