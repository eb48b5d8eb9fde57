/**
 * What is remembered of what a turn is asked, as the model is told it: quoted, with who said it and when. It is told behind
 * the question, and in this turn alone. What cannot be believed stands in a stranger's frame, and taints the turn. A memory
 * that fails or is slow leaves the turn without one.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { remembered, untrusted } from '#shared/base/untrusted.ts';
import { type Found, type Question, recall } from '#shared/recall/recall.ts';
import * as recalled from '#shared/tables/recalled.ts';
import type { Text } from './content.ts';
import type { Core } from './loop.ts';
import { dayOf } from './time.ts';

/** An answer does not wait longer for what is remembered. */
const PATIENCE_ms = 500;

export type Recollection = { found: Found[]; content: Text[]; sources: string[] };

export const NOTHING: Recollection = { found: [], content: [], sources: [] };

/** @param turn_id what was told in it already is not told again */
export async function recollect(
  ctx: Pick<Core, 'store' | 'log'>,
  turn_id: string,
  question: Question,
): Promise<Recollection> {
  const patience = new AbortController();
  try {
    const all = await Promise.race([recall(ctx.store.read, question), late(patience.signal)]);
    const before = await ctx.store.read(recalled.ofTurn(turn_id));
    return toldOf(all.filter(({ kind, id }) => !before.some((one) => one.kind === kind && one.ref === id)));
  } catch (error) {
    ctx.log.warn('recall.failed', { error });
    return NOTHING;
  } finally {
    patience.abort();
  }
}

async function late(signal: AbortSignal): Promise<never> {
  await sleep(PATIENCE_ms, undefined, { signal });
  throw new Error(`recall took more than ${PATIENCE_ms} ms`);
}

/** The oldest first, so that what is newer reads as such. Pure. */
export function toldOf(found: Found[]): Recollection {
  const lines = (believed: boolean) =>
    found
      .filter(({ trust }) => trust >= 2 === believed)
      .toSorted((a, b) => a.at - b.at)
      .map(line)
      .join('\n');
  const [known, doubtful] = [lines(true), lines(false)];
  return {
    found,
    content: [
      ...(known ? [text(remembered(known))] : []),
      ...(doubtful ? [text(untrusted('memory', doubtful))] : []),
    ],
    sources: doubtful ? ['memory'] : [],
  };
}

function text(words: string): Text {
  return { type: 'text', text: words };
}

/** Its own lines stand back, so that none passes for another item. */
export function line({ kind, role, author, at, text }: Found): string {
  const who = role === 'assistant' ? 'you said' : `${author ?? 'the owner'} said`;
  return `- [${kind === 'memory' ? 'remembered' : who}, ${dayOf(at)}] ${text.trim().replace(/\n+/g, '\n  ')}`;
}

/** What points back at what was said before, and words that mean nothing alone. */
const BACK =
  /\?|^\W*(and|but|or|und|aber|oder)\b|\b(it|its|that|this|they|them|their|he|she|him|his|hers?|there|those|these|es|das|dies|er|sie|ihn|ihm|ihr|dort|davon)\b/i;
const EMPTY =
  /^(\p{L}{1,2}|the|and|but|for|was|are|did|does|has|had|have|not|you|your|its|that|this|they|them|their|she|him|his|hers?|there|those|these|then|what|when|where|which|who|whom|why|how|about|with|from|und|aber|oder|der|die|das|den|dem|dies|sie|ihn|ihm|ihr|ist|war|wer|wie|was|wann|warum|welche[rsnm]?|dort|davon|mit|von)$/iu;
const FEW_words = 3;

/** What to look for: the words alone, or with those before them when they say too little. Pure. */
export function askedOf(words: string, before: string | undefined): string {
  const said = words.match(/\p{L}+/gu)?.filter((word) => !EMPTY.test(word)) ?? [];
  return before !== undefined && said.length < FEW_words && BACK.test(words) ? `${before}\n${words}` : words;
}
