/**
 * What speaks for each candidate, and against it, in numbers. Two looks: the first at each by itself; the second at what
 * the first has found around it. Pure.
 */

import type { Candidate } from '#shared/tables/passage.ts';
import type { Asked, Term } from './question.ts';
import { isStop, pairsOf, stemOf, stemsOf, wordsLike } from './terms.ts';

/** Each is 0 to about 1, or a yes. */
export const FIRST = [
  'text', // its terms, by how often and how rare (BM25)
  'before', // … in the messages before it
  'cover', // the share of the question's terms, by their rarity, that is in it
  'cover_all', // … in it, beside it, or its author
  'rarest', // its rarest term among them
  'kin', // terms that have only their kin in it
  'spelling', // … only a word that begins alike
  'pairs', // of scripts without spaces
  'author', // the question names its author
  'period', // said at the time that the question names, or soon after
  'time', // a time is asked for, and there is one in it, by how well its words fit
  'number',
  'place',
  'name',
  'asks', // the share of it that is questions itself
  'answers', // the one before it was a question
  'length',
  'user',
  'user_self', // asked about oneself, and said by a person
  'agent_agent', // asked about the agent, and said by it
] as const;

export const SECOND = [
  'session', // the best of its session
  'session_cover', // the share of the question's terms that its session has
  'next',
  'previous',
  'feedback', // words that the best have in common
  'opens', // the first of its session
] as const;

export type First = (typeof FIRST)[number];
export type Feature = First | (typeof SECOND)[number];
export type Features<Name extends string = Feature> = Record<Name, number>;

const TIME =
  /\b(yesterday|today|tonight|tomorrow|ago|last|next|week|weekend|month|year|recently|just|morning|evening|night|(mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july|august|september|october|november|december|summer|winter|spring|fall|autumn|since|(19|20)\d\d)\b/i;
const NUMBER =
  /\b(\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand|million|once|twice|couple|few|several|half)\b/i;
const PLACE = /\b(?:in|at|to|from|near|around|visit(?:ed|ing)?) (?:the )?\p{Lu}\p{L}/u;
const NAME = /[\p{Ll},] \p{Lu}\p{Ll}/u;
const QUESTION = /\?["')\]]*\s*$/;

/** After such a pause it is another session. */
const PAUSE_ms = 3_600_000;
/** How long a period still explains what is said after it, and before it. */
const PERIOD_ms = 10 * 86_400_000;
/** Of a long message, one part is looked at, and told: the one that bears most on the question. */
const PART_chars = 700;
/** What is longer than that is not a message but a file. */
const LONGEST_chars = 20_000;

/** A candidate as it is looked at. */
export type Looked = {
  readonly candidate: Candidate;
  /** The part of its text that is looked at. */
  readonly part: string;
  /** Its words that begin as one of the terms does, by stem. */
  readonly alike: ReadonlySet<string>;
  /** The line before it, and the one after it, as its context has them. */
  readonly previous: string;
  readonly next: string;
  readonly first: Features<First>;
};

export function firstLook(asked: Asked, idf: readonly number[], candidates: readonly Candidate[]): Looked[] {
  const { terms, wants } = asked;
  const total = sum(idf) || 1;
  const most = Math.max(...idf, Number.MIN_VALUE);
  const pairs = new Set(asked.pairs);
  const reader = readerOf(terms);
  const wordsAlike = wordsLike(terms.map(({ stem }) => stem.slice(0, ALIKE_letters)));
  // A line stands beside up to four others.
  const lines = new Map<string, Count>();
  const readLine = (line: string): Count => {
    let found = lines.get(line);
    if (!found) {
      found = reader(line);
      lines.set(line, found);
    }
    return found;
  };
  const read = candidates.map((candidate) => {
    const [before = [], after = []] = candidate.context.split('\n\n').map((side) => side.split('\n'));
    const part = partOf(candidate.text.slice(0, LONGEST_chars), reader, idf);
    return {
      ...{ candidate, part },
      text: readLine(part),
      before: together(before.map(readLine)),
      after: together(after.map(readLine)),
      previous: before.at(-1) ?? '',
      next: after[0] ?? '',
    };
  });
  const mean = meanOf(read.map(({ text }) => text.length));
  const meanBefore = meanOf(read.map(({ before }) => before.length));

  return read.map(({ candidate, part, text, before, after, previous, next }) => {
    const author = stemsOf(candidate.author);
    const named = terms.map(({ stem }) => Number(author.includes(stem)));
    const stems = new Set<string>();
    wordsAlike(part, (word) => stems.add(stemOf(word)));
    const score = bm25(text, idf, mean) / total;
    const first: Features<First> = {
      text: score,
      before: bm25(before, idf, meanBefore) / total,
      cover: covered(text.times, idf) / total,
      cover_all: covered(added([text.times, before.times, after.times, named]), idf) / total,
      rarest: rarest(text.times, idf) / most,
      kin: covered(without(text.near, text.times), idf) / total,
      spelling: covered(alike(terms, text.times, stems), idf) / total,
      pairs:
        pairs.size === 0 ? 0 : new Set(pairsOf(part).filter((pair) => pairs.has(pair))).size / pairs.size,
      author: Math.max(0, ...named),
      period: Math.max(0, ...asked.periods.map((period) => closeness(candidate.at, period))),
      time: wants.time && TIME.test(part) ? score : 0,
      number: Number(wants.number && NUMBER.test(part)),
      place: Number(wants.place && PLACE.test(part)),
      name: Number(wants.name && NAME.test(part)),
      asks: questions(part),
      answers: Number(QUESTION.test(previous)),
      length: Math.log1p(text.length) / 5,
      user: Number(candidate.role === 'user'),
      user_self: Number(wants.self && candidate.role === 'user'),
      agent_agent: Number(wants.agent && candidate.role === 'assistant'),
    };
    return { candidate, part, alike: stems, previous, next, first };
  });
}

/** @param scores what the first look made of each */
export function secondLook(
  asked: Asked,
  idf: readonly number[],
  looked: readonly Looked[],
  scores: readonly number[],
): Features[] {
  const total = sum(idf) || 1;
  const order = looked.map((_, i) => i).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  const top = scores[order[0] ?? 0] ?? 0;
  const floor = scores[order[Math.min(order.length - 1, FIELD_size)] ?? 0] ?? 0;
  /** How good the first look found it: 1 the best, 0 what is in the field only. */
  const share = scores.map((score) => Math.max(0, (score - floor) / (top - floor || 1)));
  const sessions = sessionsOf(looked);
  const best = new Map<number, number[]>();
  for (const i of order) {
    const session = sessions[i] ?? 0;
    best.set(session, [...(best.get(session) ?? []), share[i] ?? 0].slice(0, 3));
  }
  const has = new Map<number, Set<string>>();
  looked.forEach(({ alike }, i) => {
    const session = sessions[i] ?? 0;
    const found = has.get(session) ?? new Set<string>();
    for (const { stem } of asked.terms) if (alike.has(stem)) found.add(stem);
    has.set(session, found);
  });
  const common = feedback(asked, looked, order.slice(0, 5), share);
  const beside = neighbours(looked);
  return looked.map(({ candidate, first }, i) => {
    const session = sessions[i] ?? 0;
    const found = has.get(session);
    return {
      ...first,
      session: sum(best.get(session) ?? []) / 3,
      session_cover: sum(idf.filter((_, at) => found?.has(asked.terms[at]?.stem ?? ''))) / total,
      next: share[beside[i]?.next ?? -1] ?? 0,
      previous: share[beside[i]?.previous ?? -1] ?? 0,
      feedback: common(i),
      opens: Number(candidate.context === '' || candidate.context.startsWith('\n\n')),
    };
  });
}

/** So far down the first look's list reaches what the second takes for found. */
const FIELD_size = 60;

/** Of a text's words: how many, of each term how often it occurs, and how often its kin. */
type Count = { length: number; times: number[]; near: number[] };
type Reader = (text: string) => Count;

/** Reads texts for these terms: each word that can be one of theirs is looked up, once, and the others only counted. */
function readerOf(terms: readonly Term[]): Reader {
  const meant = new Map<string, { at: number; near: boolean }[]>();
  const add = (stem: string, at: number, near: boolean) =>
    meant.set(stem, [...(meant.get(stem) ?? []), { at, near }]);
  terms.forEach(({ stem, kin }, at) => {
    const own = new Set([stem, ...kin.forms.map(stemOf)]);
    for (const form of own) add(form, at, false);
    for (const other of new Set(kin.fields.map(stemOf))) if (!own.has(other)) add(other, at, true);
  });
  const known = new Map<string, readonly { at: number; near: boolean }[]>();
  const NOTHING: [] = [];
  const wordsIn = wordsLike([...meant.keys()]);
  return (text) => {
    const times = new Array<number>(terms.length).fill(0);
    const near = new Array<number>(terms.length).fill(0);
    const length = wordsIn(text, (word) => {
      let means = known.get(word);
      if (!means) {
        means = meant.get(stemOf(word)) ?? NOTHING;
        known.set(word, means);
      }
      for (const match of means) {
        const into = match.near ? near : times;
        into[match.at] = (into[match.at] ?? 0) + 1;
      }
    });
    return { length, times, near };
  };
}

function together(counts: readonly Count[]): Pick<Count, 'length' | 'times'> {
  return {
    length: sum(counts.map(({ length }) => length)),
    times: added(counts.map(({ times }) => times)),
  };
}

const added = (rows: readonly (readonly number[])[]) =>
  (rows[0] ?? []).map((_, at) => rows.reduce((all, row) => all + (row[at] ?? 0), 0));

/** @param mean how long such a text is */
function bm25(
  { length, times }: Pick<Count, 'length' | 'times'>,
  idf: readonly number[],
  mean: number,
): number {
  const norm = 1.2 * (0.25 + (0.75 * length) / mean);
  return times.reduce((all, n, at) => (n === 0 ? all : all + ((idf[at] ?? 0) * n * 2.2) / (n + norm)), 0);
}

const covered = (times: readonly number[], idf: readonly number[]) =>
  times.reduce((all, n, at) => (n > 0 ? all + (idf[at] ?? 0) : all), 0);
const rarest = (times: readonly number[], idf: readonly number[]) =>
  times.reduce((most, n, at) => (n > 0 ? Math.max(most, idf[at] ?? 0) : most), 0);
const without = (some: readonly number[], others: readonly number[]) =>
  some.map((n, at) => ((others[at] ?? 0) > 0 ? 0 : n));

/** Terms that are not in it, but a word that begins alike: misspelt, or another form. */
function alike(terms: readonly Term[], times: readonly number[], stems: ReadonlySet<string>): number[] {
  return terms.map(({ stem }, at) => {
    if ((times[at] ?? 0) > 0 || stem.length < 5) return 0;
    const first = stem.charCodeAt(0);
    const head = headOf(stem);
    for (const other of stems) {
      if (other.charCodeAt(0) !== first || other.length < ALIKE_letters) continue;
      if (other.startsWith(head) || stem.startsWith(headOf(other))) return 1;
    }
    return 0;
  });
}

const ALIKE_letters = 4;
const headOf = (stem: string) => stem.slice(0, Math.max(ALIKE_letters, stem.length - 2));

function closeness(at: number, { from, to }: { from: number; to: number }): number {
  const off = at < from ? from - at : Math.max(0, at - to);
  return Math.exp(-off / PERIOD_ms);
}

function questions(text: string): number {
  if (!text.includes('?')) return 0;
  const sentences = text.split(/(?<=[.!?])\s+/);
  return sentences.filter((sentence) => QUESTION.test(sentence)).length / sentences.length;
}

/** The run of sentences of a long text, at most `PART_chars`, that has most of what is asked for. */
function partOf(text: string, reader: Reader, idf: readonly number[]): string {
  if (text.length <= PART_chars) return text;
  const parts: string[] = [];
  for (const sentence of text.match(/[^\n.!?]+(?:[.!?]+(?=\s|$)|[.!?]|\n|$)\s*/g) ?? [text]) {
    const last = parts.at(-1);
    if (last !== undefined && last.length + sentence.length <= PART_chars)
      parts[parts.length - 1] += sentence;
    else
      for (let at = 0; at < sentence.length; at += PART_chars)
        parts.push(sentence.slice(at, at + PART_chars));
  }
  let best = parts[0] ?? '';
  let most = 0;
  for (const part of parts) {
    const { times, near } = reader(part);
    const worth = covered(times, idf) + covered(without(near, times), idf) / 4;
    if (worth > most) [best, most] = [part, worth];
  }
  return `${best === parts[0] ? '' : '… '}${best.trim()}${best === parts.at(-1) ? '' : ' …'}`;
}

/** To which session each belongs: those of a conversation without a long pause between them. */
function sessionsOf(looked: readonly Looked[]): number[] {
  const order = looked
    .map(({ candidate: { conversation, at } }, i) => ({ conversation, at, i }))
    .sort((a, b) =>
      a.conversation < b.conversation ? -1 : a.conversation > b.conversation ? 1 : a.at - b.at,
    );
  const sessions = new Array<number>(looked.length).fill(0);
  let session = 0;
  order.forEach(({ conversation, at, i }, nth) => {
    const previous = order[nth - 1];
    if (previous && (previous.conversation !== conversation || at - previous.at > PAUSE_ms)) session += 1;
    sessions[i] = session;
  });
  return sessions;
}

/** Which of the others stands right before and after each: its own context holds their words. */
function neighbours(looked: readonly Looked[]): { previous: number; next: number }[] {
  const by = new Map<string, Map<string, number[]>>();
  looked.forEach(({ candidate: { conversation, text } }, i) => {
    const line = /\s\s|[^\S ]/.test(text) ? text.replace(/\s+/g, ' ').trim() : text;
    const lines = by.get(conversation) ?? new Map<string, number[]>();
    by.set(conversation, lines);
    const same = lines.get(line);
    if (same) same.push(i);
    else lines.set(line, [i]);
  });
  return looked.map(({ candidate: { conversation, at }, previous, next }) => {
    const lines = by.get(conversation);
    const find = (line: string) =>
      lines?.get(line)?.find((i) => Math.abs((looked[i]?.candidate.at ?? 0) - at) <= PAUSE_ms) ?? -1;
    return { previous: find(previous), next: find(next) };
  });
}

/** How much of a text are words that the best have in common and the rest has not. */
function feedback(
  asked: Asked,
  looked: readonly Looked[],
  best: readonly number[],
  share: readonly number[],
): (i: number) => number {
  const own = new Set(asked.terms.map(({ stem }) => stem));
  const weights = new Map<string, number>();
  for (const i of best) {
    for (const stem of new Set(stemsOf(looked[i]?.part ?? ''))) {
      if (stem.length > 2 && !own.has(stem) && !isStop(stem)) {
        weights.set(stem, (weights.get(stem) ?? 0) + (share[i] ?? 0));
      }
    }
  }
  const wordsIn = wordsLike([...weights.keys()]);
  const often = new Map<string, number>();
  const held = looked.map(({ part }) => {
    const found = new Set<string>();
    wordsIn(part, (word) => {
      const stem = stemOf(word);
      if (weights.has(stem)) found.add(stem);
    });
    for (const stem of found) often.set(stem, (often.get(stem) ?? 0) + 1);
    return found;
  });
  const words = [...weights]
    .map(([stem, weight]) => [stem, weight * Math.log(looked.length / (often.get(stem) ?? 1))] as const)
    // What only one has, it does not share.
    .filter(([stem]) => (often.get(stem) ?? 0) > 1)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 15);
  const all = sum(words.map(([, weight]) => weight)) || 1;
  return (i) => words.reduce((sum, [stem, weight]) => (held[i]?.has(stem) ? sum + weight : sum), 0) / all;
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
const meanOf = (numbers: readonly number[]) => sum(numbers) / (numbers.length || 1) || 1;
