/**
 * Whether vectors find more than words do, tried on what the owner has said, without anybody's judgement. What belongs
 * together is known from elsewhere: a memory in a model's words, and the messages it was made of; what was said of a thing,
 * and what had been said of it before; a question, and what was recalled with it and is told in the answer. On one half of
 * them it is chosen what is near, and how much that counts; the other half judges.
 */

import { setImmediate as turn } from 'node:timers/promises';
import type { Meaning } from '#shared/recall/near.ts';
import { readingOf } from '#shared/recall/reading.ts';
import { type Read, recall } from '#shared/recall/recall.ts';
import { isStop, stemsOf, wordsOf } from '#shared/recall/terms.ts';
import { NO_VECTOR } from '#shared/recall/vector.ts';
import type { Store } from '#shared/store/store.ts';
import type { Vector } from '#shared/tables/embedding.ts';
import * as embedding from '#shared/tables/embedding.ts';
import type { Trial } from '#shared/tables/embedding_trial.ts';
import * as embedding_trial from '#shared/tables/embedding_trial.ts';

/** A question, what is to be found by it, and the turn that it was asked in, which is not. */
export type Pair = { scope: string; text: string; except_turns: string[]; refs: readonly number[] };

const DAY_ms = 86_400_000;
const MONTH_ms = 30 * DAY_ms;
/** Of each kind so many, the latest: each takes several searches. */
const MOST = 150;
/** Fewer say nothing. */
const LEAST = 30;
const FIRST = 10;
/** What the vectors' share may count, in the measure of the other features. */
const WEIGHTS = [1.5, 4, 8] as const;
/** The share of what belongs together that is given up as too far from each other, or else nothing would be. */
const FAR = 0.1;
/** What must be gained, and by how many standard errors more must be better than worse: by chance one time in twenty. */
const GAIN = 0.02;
const SURE = 1.645;

export function isDue(
  latest: Trial | undefined,
  { alias, model, now, wished_at }: { alias: string; model: string; now: number; wished_at: number | null },
): boolean {
  if (!latest || latest.alias !== alias || latest.model !== model) return true;
  if (wished_at !== null && wished_at > latest.at) return true;
  const age_ms = now - latest.at;
  return age_ms < 0 || age_ms >= (latest.pairs < LEAST ? DAY_ms : MONTH_ms);
}

/** @param embed null: not now @returns null when it could not be tried now */
export async function tried(
  { store, clock }: { store: Pick<Store, 'read' | 'readAside'>; clock: { now(): number } },
  { alias, model }: Pick<Trial, 'alias' | 'model'>,
  before: Trial | undefined,
  embed: (texts: readonly string[]) => Promise<Vector[] | null>,
): Promise<Omit<Trial, 'id'> | null> {
  const pairs = await pairsIn(store);
  const [choosing, judging] = halves(pairs);
  const now = clock.now();
  const trial = { ...NOTHING, at: now, alias, model, pairs: judging.length };
  if (judging.length < LEAST) {
    return { ...trial, used: 0, why: `${judging.length} of ${LEAST} pairs that it takes` };
  }
  const vectors = await embed(pairs.map(({ text }) => text));
  if (!vectors) return null;
  const vectorOf = new Map(pairs.map((pair, i) => [pair, vectors[i] ?? NO_VECTOR]));
  const read = readingOf(store);
  const near = await each(choosing, (pair) => nearest(read, pair, model, vectorOf.get(pair) ?? NO_VECTOR));
  const floor = near.toSorted((a, b) => a - b)[Math.floor(near.length * FAR)] ?? 0;

  /** @param question whose vector is asked by */
  const found = (pairs: readonly Pair[], weight: number, question = (_i: number, pair: Pair) => pair) =>
    each(pairs, (pair, i) => {
      const vector = vectorOf.get(question(i, pair)) ?? NO_VECTOR;
      return share(read, pair, now, weight > 0 ? { model, vector, floor, weight } : null);
    });
  let [weight, most] = [0, -1];
  for (const one of WEIGHTS) {
    const share = mean(await found(choosing, one));
    if (share > most) [weight, most] = [one, share];
  }
  const byWords = await found(judging, 0);
  const byBoth = await found(judging, weight);
  // What the vector of another question finds too was found by chance.
  const across = Math.floor(judging.length / 2);
  const byChance = await found(judging, weight, (i, pair) => judging[(i + across) % judging.length] ?? pair);
  const otherwise = byWords.map((share, i) => Math.max(share, byChance[i] ?? 0));
  const sums = {
    by_words: mean(byWords),
    by_both: mean(byBoth),
    better: byBoth.filter((share, i) => share > (otherwise[i] ?? 0)).length,
    worse: byBoth.filter((share, i) => share < (otherwise[i] ?? 0)).length,
  };
  const was_used = before?.used === 1 && before.alias === alias && before.model === model;
  const verdict = verdictOn({ ...sums, gain: sums.by_both - mean(otherwise), was_used });
  return { ...trial, floor, weight, ...sums, ...verdict };
}

const NOTHING = { floor: 0, weight: 0, by_words: 0, by_both: 0, better: 0, worse: 0 };

/**
 * A win switches it on; once on, a loss alone switches it off, so that chance does not do it every other month.
 * @param of `gain`, `better`, `worse`: against words, and chance
 */
export function verdictOn(
  of: Pick<Trial, 'by_words' | 'by_both' | 'better' | 'worse'> & { gain: number; was_used: boolean },
): Pick<Trial, 'used' | 'why'> {
  const { by_words, by_both, better, worse, gain, was_used } = of;
  if (gain >= GAIN && better - worse >= SURE * Math.sqrt(better + worse)) {
    return { used: 1, why: 'vectors find more' };
  }
  if (by_both < by_words) return { used: 0, why: 'vectors find less' };
  return was_used
    ? { used: 1, why: 'vectors find no less' }
    : { used: 0, why: 'vectors do not find clearly more' };
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, n) => sum + n, 0) / (numbers.length || 1);

async function each(
  pairs: readonly Pair[],
  measure: (pair: Pair, i: number) => Promise<number>,
): Promise<number[]> {
  const all: number[] = [];
  for (const [i, pair] of pairs.entries()) {
    all.push(await measure(pair, i));
    // Whoever else is served here is served in between.
    await turn();
  }
  return all;
}

/** How near the nearest of what is to be found lies. */
async function nearest(read: Read, { scope, refs }: Pair, model: string, vector: Vector): Promise<number> {
  const found = await read(embedding.near({ scope, model, vector, refs, most: 0 }));
  return Math.max(0, ...found.map(({ nearness }) => nearness));
}

/** The share of what is to be found that is among the first. */
async function share(
  read: Read,
  { scope, text, except_turns, refs }: Pair,
  now: number,
  meaning: Meaning | null,
): Promise<number> {
  const found = await recall(read, {
    scope,
    text,
    now,
    budget_tokens: Number.POSITIVE_INFINITY,
    except_turns,
    messages_only: true,
    ...(meaning && { meaning }),
  });
  const first = new Set(found.slice(0, FIRST).map(({ id }) => id));
  return refs.filter((ref) => first.has(ref)).length / Math.min(refs.length, FIRST);
}

/** Alternately, as they come: the same in each trial, and of each kind as many. */
function halves(pairs: readonly Pair[]): [Pair[], Pair[]] {
  return [pairs.filter((_, i) => i % 2 === 0), pairs.filter((_, i) => i % 2 === 1)];
}

async function pairsIn({ read }: Pick<Store, 'read'>): Promise<Pair[]> {
  const told = [
    ...(await read(embedding_trial.paraphrased(MOST))),
    ...(await read(embedding_trial.restated(MOST))),
  ].map(({ scope, text, turn_id, refs_json }) => ({
    scope,
    text,
    except_turns: turn_id === null ? [] : [turn_id],
    refs: JSON.parse(refs_json) as number[],
  }));
  return [...told, ...usedIn(await read(embedding_trial.answered(10 * MOST))).slice(0, MOST)];
}

/** So many words that the question has not are in what was recalled, and in the answer. */
const TAKEN = 3;

/** Each question with those messages, recalled for it, whose words the answer has taken. */
export function usedIn(rows: readonly embedding_trial.Answered[]): Pair[] {
  const pairs: Pair[] = [];
  for (const all of Map.groupBy(rows, ({ question_id }) => question_id).values()) {
    const [first] = all;
    if (!first) continue;
    const asked = new Set(stemsOf(first.question));
    const refs = all.filter(({ told, answer }) => {
      const own = new Set(
        stemsOf(
          wordsOf(told)
            .filter((word) => !isStop(word))
            .join(' '),
        ),
      );
      const said = new Set(stemsOf(answer));
      return [...own].filter((stem) => said.has(stem) && !asked.has(stem)).length >= TAKEN;
    });
    if (refs.length === 0) continue;
    const { scope, question, turn_id } = first;
    pairs.push({
      scope,
      text: question,
      except_turns: [turn_id],
      refs: [...new Set(refs.map(({ ref }) => ref))],
    });
  }
  return pairs;
}
