/** What a question asks for, as far as its words show it. Pure. */

import { type Kin, kinOf } from './kin.ts';
import { isSmallTalk, isStop, pairsOf, stemOf, wordsOf } from './terms.ts';

export type Term = {
  readonly stem: string;
  /** As it was written. */
  readonly word: string;
  readonly kin: Kin;
};

export type Asked = {
  /** What it is about, in order, each once. */
  readonly terms: readonly Term[];
  /** Of scripts without spaces: see `pairsOf`. */
  readonly pairs: readonly string[];
  /** Times that it names, the end not included. */
  readonly periods: readonly Period[];
  /** What kind of answer it wants, and about whom. */
  readonly wants: Readonly<Record<Want, boolean>>;
};
export type Period = { readonly from: number; readonly to: number };
export type Want = keyof typeof WANTS;

const WANTS = {
  time: /\b(when|how (long|recently|often)|(what|which) (date|day|month|year|time))\b/,
  number: /\b(how (many|much|old|far|big|tall|long)|number of)\b/,
  place: /\b(where|(which|what) (city|cities|country|countries|places?|states?|town))\b/,
  name: /\b(who|whom|whose|names?|called)\b/,
  /** About whoever asks. */
  self: /\b(i|me|my|mine|we|our)\b/,
  /** What the agent said. */
  agent: /\byou(r)?\b/,
} as const;

/** Nothing to look for in it: a greeting, a thank-you. */
export function isIdle({ terms, pairs, periods }: Asked): boolean {
  return pairs.length === 0 && periods.length === 0 && terms.every(({ word }) => isSmallTalk(word));
}

export function understand(text: string, now: number): Asked {
  const words = wordsOf(text);
  const said = words.join(' ');
  const terms: Term[] = [];
  for (const word of clausesOf(text).flatMap(wordsOf)) {
    const stem = stemOf(word);
    if (isStop(word) || terms.some((term) => term.stem === stem)) continue;
    terms.push({ stem, word, kin: kinOf(stem) });
  }
  return {
    terms: terms.slice(0, MOST_terms),
    pairs: [...new Set(pairsOf(text))].slice(0, MOST_terms),
    periods: periodsIn(said, now),
    wants: Object.fromEntries(
      Object.entries(WANTS).map(([want, words]) => [want, words.test(said)]),
    ) as Record<Want, boolean>,
  };
}

/** Without those that are but a greeting, unless there is nothing else: no answer was ever said to have their words. */
function clausesOf(text: string): string[] {
  const clauses = text.split(/[.!?,;:\n]+(?=\s|$)/);
  const meant = clauses.filter(
    (clause) => !wordsOf(clause).every((word) => isStop(word) || isSmallTalk(word)),
  );
  return meant.length > 0 ? meant : clauses;
}

/** A question has few words; a page that was pasted has many, and its first ones must do. */
const MOST_terms = 24;

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const MONTH =
  '(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)';
const DAY = '(\\d{1,2})(?:st|nd|rd|th)?';
const YEAR = '((?:19|20)\\d\\d)';
const DAY_MONTH = new RegExp(`\\b${DAY}(?: of)? ${MONTH}(?: ${YEAR})?\\b`, 'g');
const MONTH_DAY = new RegExp(`\\b${MONTH} ${DAY}\\b(?! (?:of )?${MONTH})(?: ${YEAR})?`, 'g');
const MONTH_YEAR = new RegExp(`\\b${MONTH}(?: of)? ${YEAR}\\b`, 'g');
const IN_MONTH = new RegExp(`\\b(?:in|during|since|early|late|mid) ${MONTH}\\b(?! \\d)`, 'g');
/** From so many days before today, to so many days before today. */
const AGO: readonly (readonly [RegExp, number, number])[] = [
  [/\b(today|this morning)\b/, 0, -1],
  [/\b(yesterday|last night)\b/, 1, 0],
  [/\blast week\b/, 13, 0],
  [/\blast month\b/, 61, 0],
];

/** The days and months that are named, by the owner's calendar; without a year the last that have begun. */
function periodsIn(said: string, now: number): Period[] {
  const today = new Date(now);
  const period = (month: string, day: number | null, year: string | undefined): Period => {
    const nth = MONTHS.indexOf(month.slice(0, 3));
    const begins = (y: number) => new Date(y, nth, day ?? 1).getTime();
    const last = begins(today.getFullYear()) > now ? today.getFullYear() - 1 : today.getFullYear();
    const y = year === undefined ? last : Number(year);
    return {
      from: begins(y),
      to: (day === null ? new Date(y, nth + 1, 1) : new Date(y, nth, day + 1)).getTime(),
    };
  };
  const days = [
    ...[...said.matchAll(DAY_MONTH)].map(([, day, month = '', year]) => period(month, Number(day), year)),
    ...[...said.matchAll(MONTH_DAY)].map(([, month = '', day, year]) => period(month, Number(day), year)),
  ];
  const months = [
    ...[...said.matchAll(MONTH_YEAR)].map(([, month = '', year]) => period(month, null, year)),
    ...[...said.matchAll(IN_MONTH)].map(([, month = '']) => period(month, null, undefined)),
  ];
  const midnight = (before: number) =>
    new Date(today.getFullYear(), today.getMonth(), today.getDate() - before).getTime();
  const ago = AGO.filter(([words]) => words.test(said)).map(([, from, to]) => ({
    from: midnight(from),
    to: midnight(to),
  }));
  return [...(days.length > 0 ? days : months), ...ago];
}
