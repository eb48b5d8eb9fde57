/** What could bear on a question: a few hundred candidates out of all that was said, and how rare its words are there. */

import type { Cited } from '#shared/tables/memory.ts';
import * as memory from '#shared/tables/memory.ts';
import * as passage from '#shared/tables/passage.ts';
import { dateOf } from './passage.ts';
import { type Asked, isIdle, understand } from './question.ts';
import type { Question, Read } from './recall.ts';
import { tally } from './tally.ts';

export type Field = {
  asked: Asked;
  /** How rare each term is. */
  idf: readonly number[];
  candidates: passage.Candidate[];
  memories: Cited[];
};

/** So many are looked at closely, taken from so many of all scopes; and so many memories. */
const CANDIDATES = 180;
const BEST = 2 * CANDIDATES;
const MEMORIES = 40;
/**
 * So many places in the index are read at most, so that the time of a question does not grow with the years: what stands
 * nearly everywhere is read in the newest part only.
 */
const POSTINGS = 12_000;
/** A question of more terms is looked for without their kin. */
const KIN_terms = 10;
/** What a candidate's kin of a term is worth beside the term itself, and what a named day is, in rare words. */
const KIN_share = 0.3;
const DAY_weight = 3;
const PAIR_weight = 3;

export async function find(read: Read, question: Question): Promise<Field> {
  const asked = understand(question.text, question.now);
  if (isIdle(asked)) return { asked, idf: [], candidates: [], memories: [] };
  const terms = asked.terms.map(({ word, kin }) => anyOf([word, ...kin.forms]));
  // A long question has words enough.
  const kin = asked.terms.length > KIN_terms ? [] : asked.terms.map(({ kin }) => anyOf(kin.fields));
  const days = asked.periods.map(daysOf);
  const wanted = [...terms, ...kin, ...days].filter((match) => match !== '');
  const counted = await read(passage.counts(wanted));
  const newest = counted[0]?.newest ?? 0;
  const among = counted[0]?.among ?? 1;
  const found = new Map(wanted.map((match, i) => [match, counted[i]?.found ?? 0]));
  const idf = terms.map((match) => Math.max(0.05, Math.log((among + 1) / ((found.get(match) ?? 0) + 0.5))));
  const weighted = [
    ...terms.map((match, i) => [match, idf[i] ?? 0] as const),
    ...kin.map((match, i) => [match, KIN_share * (idf[i] ?? 0)] as const),
    ...days.map((match) => [match, DAY_weight] as const),
  ];
  const matches = within(
    weighted.filter(([match]) => match !== ''),
    (match) => (found.get(match) ?? 0) / among,
    newest,
  );
  const pairs = asked.pairs.map((pair) => [anyOf([pair]), PAIR_weight, 0] as const);
  const { scope, except_turns = [] } = question;
  const hits = (await read(passage.hits(matches, pairs))).map(({ weight, ids_json }) => ({
    weight,
    ids: JSON.parse(ids_json),
  }));
  const best = (among: number) =>
    read(passage.candidates({ ids: tally(hits, among), scope, except_turns, limit: CANDIDATES }));
  let candidates = await best(BEST);
  // Of a scope that is a small part of the store there may be more further down.
  if (candidates.length < CANDIDATES) candidates = await best(Number.MAX_SAFE_INTEGER);
  const words = terms.length === 0 ? '' : terms.join(' OR ');
  const memories =
    words === '' || question.messages_only ? [] : await read(memory.bearing(question.scope, words, MEMORIES));
  return { asked, idf, candidates, memories };
}

/** Each match with the oldest id it is looked for from: the rare ones anywhere, the others as far back as can be afforded. */
function within(
  weighted: readonly (readonly [match: string, weight: number])[],
  density: (match: string) => number,
  newest: number,
): passage.Match[] {
  const byRarity = weighted.toSorted((a, b) => density(a[0]) - density(b[0]));
  let left = POSTINGS;
  return byRarity.map(([match, weight], i) => {
    const reach = left / (byRarity.length - i) / Math.max(density(match), Number.MIN_VALUE);
    left -= Math.min(reach, newest) * density(match);
    return [match, weight, Math.max(0, Math.ceil(newest - reach))];
  });
}

/** Any of the words, as FTS5 takes it. */
function anyOf(words: readonly string[]): string {
  return words.map((word) => `"${word}"`).join(' OR ');
}

/** The dates of a short period, the month of a longer one, as a passage has them. */
function daysOf({ from, to }: { from: number; to: number }): string {
  const days: string[] = [];
  for (let day = new Date(from); day.getTime() < to; day.setDate(day.getDate() + 1)) {
    days.push(dateOf(day.getTime()));
  }
  const months = new Set(days.map((day) => day.replace(/^\d+ /, '')));
  return `day : (${anyOf(days.length > 14 ? [...months] : days)})`;
}
