/**
 * When something is due, out of what people write of it, in English and German. It counts from the moment at which it was
 * said, where the owner is (the process runs in their time zone). Pure.
 */

const MONTHS: readonly (readonly string[])[] = [
  ['january', 'jan', 'januar', 'jänner'],
  ['february', 'feb', 'februar'],
  ['march', 'mar', 'märz'],
  ['april', 'apr'],
  ['may', 'mai'],
  ['june', 'jun', 'juni'],
  ['july', 'jul', 'juli'],
  ['august', 'aug'],
  ['september', 'sept', 'sep'],
  ['october', 'oct', 'oktober', 'okt'],
  ['november', 'nov'],
  ['december', 'dec', 'dezember', 'dez'],
];
/** From Sunday, as `Date` counts. */
const WEEKDAYS: readonly (readonly string[])[] = [
  ['sunday', 'sonntag'],
  ['monday', 'montag'],
  ['tuesday', 'dienstag'],
  ['wednesday', 'mittwoch'],
  ['thursday', 'donnerstag'],
  ['friday', 'freitag'],
  ['saturday', 'samstag', 'sonnabend'],
];
const NUMBERS: readonly (readonly string[])[] = [
  [],
  ['a', 'an', 'one', 'ein', 'einer', 'einem', 'eine'],
  ['two', 'zwei', 'a couple of'],
  ['three', 'drei'],
  ['four', 'vier'],
  ['five', 'fünf'],
  ['six', 'sechs'],
  ['seven', 'sieben'],
  ['eight', 'acht'],
  ['nine', 'neun'],
  ['ten', 'zehn'],
];

/** A day is meant, but no hour of it. */
const MORNING_h = 9;
const EVENING_h = 20;

const words = (lists: readonly (readonly string[])[]) =>
  lists
    .flat()
    .toSorted((a, b) => b.length - a.length)
    .join('|');
const indexOf = (lists: readonly (readonly string[])[], word: string) =>
  lists.findIndex((list) => list.includes(word.toLowerCase()));

const LEAD = String.raw`(?:\b(?:on|by|until|till|before|next|this|coming|from|am|bis|zum|vor|ab|nächsten?|kommenden?|diesen|spätestens|the)\s+)*`;
const forms = (pattern: string) => new RegExp(`${LEAD}(?<![\\p{L}\\p{N}])${pattern}(?![\\p{L}\\p{N}])`, 'iu');

type Day = { year: number; month: number; day: number; hour?: number; minute?: number };
type Form = { form: RegExp; day(groups: Record<string, string | undefined>, said: Date): Day | null };

const FORMS: readonly Form[] = [
  {
    form: forms(String.raw`(?<y>20\d\d)-(?<m>\d\d)-(?<d>\d\d)`),
    day: ({ y, m, d }) => onDay(Number(y), Number(m) - 1, Number(d)),
  },
  {
    form: forms(String.raw`(?<d>\d{1,2})\.(?<m>\d{1,2})\.(?<y>20\d\d)?`),
    day: ({ y, m, d }, said) => dated(said, y, Number(m) - 1, Number(d)),
  },
  {
    form: forms(
      String.raw`(?<m>${words(MONTHS)})\.?\s+(?:the\s+)?(?<d>\d{1,2})(?:st|nd|rd|th)?(?:,?\s+(?<y>20\d\d))?`,
    ),
    day: ({ y, m = '', d }, said) => dated(said, y, indexOf(MONTHS, m), Number(d)),
  },
  {
    form: forms(
      String.raw`(?<d>\d{1,2})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?(?<m>${words(MONTHS)})\.?(?:,?\s+(?<y>20\d\d))?`,
    ),
    day: ({ y, m = '', d }, said) => dated(said, y, indexOf(MONTHS, m), Number(d)),
  },
  { form: forms('(?:the )?day after tomorrow|übermorgen'), day: (_, said) => later(said, 2) },
  {
    form: forms('tonight|heute abend|this evening'),
    day: (_, said) => ({ ...later(said, 0), hour: EVENING_h }),
  },
  {
    form: forms('tomorrow evening|morgen abend'),
    day: (_, said) => ({ ...later(said, 1), hour: EVENING_h }),
  },
  { form: forms('tomorrow(?: morning)?|(?<!guten )morgen(?: früh)?'), day: (_, said) => later(said, 1) },
  { form: forms('today|heute'), day: (_, said) => later(said, 0) },
  {
    form: forms(
      String.raw`in\s+(?<n>\d{1,3}|${words(NUMBERS)})\s+(?<unit>minute|hour|day|week|month|minute|stunde|tag|woche|monat)(?:s|e|en|n)?`,
    ),
    day: ({ n = '', unit = '' }, said) =>
      spanLater(said, /\d/.test(n) ? Number(n) : indexOf(NUMBERS, n), unit),
  },
  { form: forms('(?:next|nächste) (?:week|woche)'), day: (_, said) => later(said, 7) },
  { form: forms('(?:next month|nächsten monat)'), day: (_, said) => spanLater(said, 1, 'month') },
  {
    form: forms(`(?<w>${words(WEEKDAYS)})`),
    day: ({ w = '' }, said) => later(said, ((indexOf(WEEKDAYS, w) - said.getDay() + 6) % 7) + 1),
  },
];

const TIMES: readonly RegExp[] = [
  /(?:\b(?:at|by|um|gegen|ab|around)\s+)?(?<![\d.:-])(?<h>\d{1,2})(?:[:.](?<m>\d\d))?\s*(?<half>am|pm|a\.m\.|p\.m\.)(?![\p{L}])/iu,
  /(?:\b(?:at|by|um|gegen|ab|around)\s+)?(?<![\d.:-])(?<h>\d{1,2})(?:[:.](?<m>\d\d))?\s*uhr\b/iu,
  /(?:\b(?:at|by|um|gegen|ab|around)\s+)?(?<![\d.:-])(?<h>\d{1,2}):(?<m>\d\d)(?![\d:])/iu,
  /\b(?:at|um)\s+(?<h>\d{1,2})(?![\d.:\p{L}])/iu,
  /\b(?:at\s+)?(?<noon>noon|midday)\b/iu,
];

export type When = { at: number /** What is said besides. */; rest: string };

/** Null: no time is said, or none that there is. */
export function whenIn(text: string, said_at: number): When | null {
  const said = new Date(said_at);
  let rest = text;
  let day: Day | null = null;
  for (const { form, day: dayOf } of FORMS) {
    const found = form.exec(rest);
    if (!found) continue;
    day = dayOf(found.groups ?? {}, said);
    if (!day) return null;
    rest = without(rest, found);
    break;
  }
  const time = timeIn(rest);
  if (time) rest = without(rest, time.found);
  if (!day && !time) return null;
  const { year, month, day: date, hour, minute } = day ?? later(said, 0);
  const [h, m] = time ? [time.hour, time.minute] : [hour ?? MORNING_h, minute ?? 0];
  const at = new Date(year, month, date, h, m).getTime();
  // An hour that has passed today is meant for tomorrow.
  const passed = !day && at <= said_at;
  return { at: passed ? new Date(year, month, date + 1, h, m).getTime() : at, rest: rest.trim() };
}

function timeIn(text: string): { hour: number; minute: number; found: RegExpExecArray } | null {
  for (const form of TIMES) {
    const found = form.exec(text);
    if (!found) continue;
    const { h = '12', m = '0', half = '' } = found.groups ?? {};
    const late = /^p/i.test(half);
    const twelve = half !== '' && Number(h) === 12;
    const hour = (twelve ? 0 : Number(h)) + (late ? 12 : 0);
    if (hour < 24 && Number(m) < 60) return { hour, minute: Number(m), found };
  }
  return null;
}

function without(text: string, { index, 0: found }: RegExpExecArray): string {
  return `${text.slice(0, index)} ${text.slice(index + found.length)}`.replace(/\s+/g, ' ').trim();
}

/** A day that there is: the 31st of April is none. */
function onDay(year: number, month: number, day: number): Day | null {
  const local = new Date(year, month, day);
  return local.getMonth() === month && local.getDate() === day ? { year, month, day } : null;
}

/** Without a year, the next such day is meant. */
function dated(said: Date, year: string | undefined, month: number, day: number): Day | null {
  if (year !== undefined) return onDay(Number(year), month, day);
  const today = new Date(said.getFullYear(), said.getMonth(), said.getDate());
  const passed = new Date(said.getFullYear(), month, day) < today;
  return onDay(said.getFullYear() + (passed ? 1 : 0), month, day);
}

function later(said: Date, days: number): Day {
  const then = new Date(said.getFullYear(), said.getMonth(), said.getDate() + days);
  return { year: then.getFullYear(), month: then.getMonth(), day: then.getDate() };
}

function spanLater(said: Date, n: number, unit: string): Day {
  const small = unit.toLowerCase();
  if (small === 'minute' || small === 'hour' || small === 'stunde') {
    const then = new Date(said.getTime() + n * (small === 'minute' ? 60_000 : 3_600_000));
    const day = later(then, 0);
    return { ...day, hour: then.getHours(), minute: then.getMinutes() };
  }
  if (small === 'day' || small === 'tag') return later(said, n);
  if (small === 'week' || small === 'woche') return later(said, 7 * n);
  const last = new Date(said.getFullYear(), said.getMonth() + n + 1, 0);
  return { year: last.getFullYear(), month: last.getMonth(), day: Math.min(said.getDate(), last.getDate()) };
}
