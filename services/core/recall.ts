/** What is remembered of what a turn is asked. A memory that fails or is slow leaves the turn without one, and no more. */

import { setTimeout as sleep } from 'node:timers/promises';
import { readingOf } from '#shared/recall/reading.ts';
import { type Found, type Question, recall } from '#shared/recall/recall.ts';
import { isSmallTalk, isStop, wordsOf } from '#shared/recall/terms.ts';
import * as recalled from '#shared/tables/recalled.ts';
import type { Core } from './loop.ts';

/** An answer does not wait longer for what is remembered. */
const PATIENCE_ms = 500;

/** @param turn_id what was told in it already is not told again */
export async function recollect(
  { store, log }: Pick<Core, 'store' | 'log'>,
  turn_id: string,
  question: Question,
  find: typeof recall = recall,
): Promise<Found[]> {
  const patience = new AbortController();
  try {
    const found = await Promise.race([find(readingOf(store), question), late(patience.signal)]);
    const before = await store.read(recalled.ofTurn(turn_id));
    return found.filter(({ kind, id }) => !before.some((one) => one.kind === kind && one.ref === id));
  } catch (error) {
    log.warn('recall.failed', { error });
    return [];
  } finally {
    patience.abort();
  }
}

async function late(signal: AbortSignal): Promise<never> {
  await sleep(PATIENCE_ms, undefined, { signal });
  throw new Error(`recall took more than ${PATIENCE_ms} ms`);
}

/** Words that point back at what was said before. */
const BACK =
  /^\W*(and|but|or|und|aber|oder)\b|\b(it|its|that|this|they|them|their|he|she|him|his|hers?|there|those|these|es|das|dies|er|sie|ihn|ihm|ihr|dort|davon)\b/i;
const FEW_words = 3;
/** More than that is something that was pasted, and a question about it. */
const LONG_chars = 800;

/** What to look for: the words alone, or with those before them when they say too little. Pure. */
export function askedOf(words: string, before: string | undefined): string {
  const all = wordsOf(words);
  const said = all.filter((word) => !isStop(word));
  const idle = all.some(isSmallTalk) && said.every(isSmallTalk);
  if (before === undefined || idle || said.length >= FEW_words) return gist(words);
  if (said.length > 0 && !BACK.test(words)) return gist(words);
  return `${gist(before)}\n${words}`;
}

/** Of a long text what it asks, and its first and last sentence. */
function gist(text: string): string {
  if (text.length <= LONG_chars) return text;
  const sentences = text.split(/(?<=[.?!…。？！])\s+|\n+/).filter((sentence) => sentence.trim() !== '');
  return sentences
    .filter((sentence, at) => /[?？]\s*$/.test(sentence) || at === 0 || at === sentences.length - 1)
    .map((sentence) => sentence.slice(-LONG_chars))
    .join('\n')
    .slice(-2 * LONG_chars);
}
