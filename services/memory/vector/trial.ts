/**
 * Whether vectors find more than words do, tried on what the owner has said, without anybody's judgement. What belongs
 * together is known from elsewhere: a memory in a model's words, and the messages it was made of; what was said of a thing,
 * and what had been said of it before; a question, and what was recalled with it and is told in the answer. On one half of
 * them it is chosen how much a vector counts; the other half judges.
 */

import { setImmediate as turn } from 'node:timers/promises';
import type { Meaning } from '#shared/recall/near.ts';
import { readingOf } from '#shared/recall/reading.ts';
import { type Read, recall } from '#shared/recall/recall.ts';
import { isStop, stemsOf, wordsOf } from '#shared/recall/terms.ts';
import type { Store } from '#shared/store/store.ts';
import type { Vector } from '#shared/tables/embedding.ts';
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
  const [chosen, judging] = halves(pairs);
  const now = clock.now();
  const was_used = before?.used === 1 && before.alias === alias && before.model === model;
  let weight = 0;
  let sums = NO_SUMS;
  if (judging.length >= LEAST) {
    const vectors = await embed(pairs.map(({ text }) => text));
    if (!vectors) return null;
    const vectorOf = new Map(pairs.map((pair, i) => [pair, vectors[i]]));
    const read = readingOf(store);
    const by = (weight: number) => async (pair: Pair) => {
      const vector = weight > 0 ? vectorOf.get(pair) : undefined;
      return share(read, pair, now, vector ? { model, vector, weight } : null);
    };
    let best = -1;
    for (const one of WEIGHTS) {
      const found = mean(await each(chosen, by(one)));
      if (found > best) [best, weight] = [found, one];
    }
    sums = summed(await each(judging, by(0)), await each(judging, by(weight)));
  }
  return {
    at: now,
    alias,
    model,
    weight,
    ...sums,
    pairs: judging.length,
    ...verdictOn({ ...sums, pairs: judging.length, was_used }),
  };
}

type Sums = Pick<Trial, 'by_words' | 'by_both' | 'better' | 'worse'>;
const NO_SUMS: Sums = { by_words: 0, by_both: 0, better: 0, worse: 0 };

/** A win switches it on; once on, a loss alone switches it off, so that chance does not do it every other month. */
export function verdictOn({
  pairs,
  by_words,
  by_both,
  better,
  worse,
  was_used,
}: Sums & { pairs: number; was_used: boolean }): Pick<Trial, 'used' | 'why'> {
  if (pairs < LEAST) return { used: 0, why: `${pairs} of ${LEAST} pairs that it takes` };
  const gain = by_both - by_words;
  if (gain >= GAIN && better - worse >= SURE * Math.sqrt(better + worse)) {
    return { used: 1, why: 'vectors find more' };
  }
  if (was_used && gain >= 0) return { used: 1, why: 'vectors find no less' };
  return { used: 0, why: gain < 0 ? 'vectors find less' : 'vectors do not find clearly more' };
}

function summed(words: readonly number[], both: readonly number[]): Sums {
  const differ = (how: (a: number, b: number) => boolean) =>
    words.filter((one, i) => how(both[i] ?? 0, one)).length;
  return {
    by_words: mean(words),
    by_both: mean(both),
    better: differ((a, b) => a > b),
    worse: differ((a, b) => a < b),
  };
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, n) => sum + n, 0) / (numbers.length || 1);

async function each(pairs: readonly Pair[], measure: (pair: Pair) => Promise<number>): Promise<number[]> {
  const all: number[] = [];
  for (const pair of pairs) {
    all.push(await measure(pair));
    // Whoever else is served here is served in between.
    await turn();
  }
  return all;
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

export async function pairsIn({ read }: Pick<Store, 'read'>): Promise<Pair[]> {
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
