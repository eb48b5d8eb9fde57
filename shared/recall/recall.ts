/** What of all that was said and is remembered bears on a question: by its words, without a model; where vectors help, by those too. */

import * as memory from '#shared/tables/memory.ts';
import type { Trust } from '#shared/tables/message.ts';
import type { Query } from '#shared/tables/op.ts';
import { fill } from './fill.ts';
import { find } from './find.ts';
import { asCandidate, isUnclear, sourcesOf, weigh } from './memories.ts';
import { addNear, type Meaning, withNear } from './near.ts';
import { rank, whyOf } from './rank.ts';

export type Read = <Row>(query: Query<Row>) => Promise<Row[]>;

export type Question = {
  /** Whose memory: see `scopeOf`. */
  scope: string;
  text: string;
  now: number;
  budget_tokens: number;
  /** What the model is told word for word anyway. */
  except_turns?: readonly string[];
  /** What it means, as a vector: only where that is known to help. */
  meaning?: Meaning;
  /** What was said alone, and whether it still is so or not. */
  messages_only?: boolean;
};

export type Found = {
  kind: 'message' | 'memory';
  /** Of the message or memory. */
  id: number;
  role: 'user' | 'assistant' | null;
  author: string | null;
  at: number;
  trust: Trust;
  /** Of a long message, the part that bears on it. */
  text: string;
  /** Something else is remembered against it, and nobody has said which is so. */
  unclear?: boolean;
  score: number;
  /** What it scored by, feature by feature. */
  why: Readonly<Record<string, number>>;
};

/** Of so many of the best it is asked whether something has replaced what they say. */
const CHECKED = 60;

/** When no candidate has so much of the question, none bears on it: a word in common is not yet a topic. */
const LEAST = 0.15;

/** What scores so much less than the best does not bear on it either. What held an answer hardly ever lay that far. */
const FAR = 12;

/** The best first, each once, as many as fit into the budget. Nothing when nothing bears on it. */
export async function recall(read: Read, question: Question): Promise<Found[]> {
  const { scope, now, budget_tokens, meaning, messages_only } = question;
  const field = await withNear(read, question, await find(read, question));
  const { asked, idf, candidates, memories, near } = field;
  if (candidates.length + memories.length === 0) return [];
  const byWords = rank(asked, idf, [...candidates, ...memories.map(asCandidate)]);
  if (near.size === 0 && Math.max(...byWords.map(({ bearing }) => bearing)) < LEAST) return [];
  const first = meaning ? addNear(byWords, near, meaning.weight) : byWords;
  const said = first.flatMap(({ candidate: { id } }) => (id > 0 ? [id] : [])).slice(0, CHECKED);
  const replacing = messages_only ? [] : await read(memory.replacing(scope, said));
  // What has taken a message's place is told with it, also where it has none of the question's words.
  const known = new Map(memories.map((each) => [each.id, each]));
  for (const row of replacing) if (row.id !== null) known.set(row.id, row);
  const unranked = [...known.values()].filter(
    ({ id }) => !first.some(({ candidate }) => candidate.id === -id),
  );
  const all = [
    ...first,
    ...unranked.map((each) => ({
      candidate: asCandidate(each),
      part: each.text,
      bearing: 0,
      score: first.at(-1)?.score ?? 0,
      features: {},
      why: {},
    })),
  ];
  const ranked = weigh(all, [...known.values()], replacing, now);
  const best = ranked[0]?.score ?? 0;
  const bearing = ranked
    .filter(({ score }) => score >= best - FAR)
    .map((item) => ({ ...item, text: item.part }));
  const unclear = new Set(
    [...known.values()].filter((one) => isUnclear(one, known.values())).map(({ id }) => id),
  );
  // A memory and a message that it rests on tell the same: the better of them is enough. A summary tells of many, and no
  // message says that it is unclear.
  const told = fill(bearing, budget_tokens, ({ candidate: { id } }) => {
    if (id > 0) return [`message ${id}`];
    const cited = known.get(-id);
    const sources = cited && cited.kind !== 'summary' && !unclear.has(-id) ? sourcesOf(cited) : [];
    return [`memory ${-id}`, ...sources.map((source) => `message ${source}`)];
  });
  return told.map(({ candidate: { id, role, author, at, trust }, text, score, features, why }) => {
    const scored = { at, trust, text, score, why: { ...whyOf(features), ...why } };
    return id < 0
      ? { kind: 'memory', id: -id, role: null, author: null, ...scored, unclear: unclear.has(-id) }
      : { kind: 'message', id, role, author: author || null, ...scored };
  });
}
