/**
 * Texts with a known meaning, and two makers of vectors: one that knows it, as a good model does, and one that knows
 * nothing. Each thing has two names, which have no letter's order in common.
 */

import { createHash } from 'node:crypto';
import { wordsOf } from '../recall/terms.ts';

const CONSONANTS = 'bdfgklmnprstvz';
const DIMENSIONS = 128;

/** Three syllables, each number its own. */
function syllables(n: number, vowels: string): string {
  const at = (k: number) => `${CONSONANTS[Math.floor(n / 14 ** k) % 14]}${vowels[(n + k) % vowels.length]}`;
  return at(0) + at(1) + at(2);
}

export const nameOf = (thing: number) => `ka${syllables(thing, 'ae')}x`;
export const otherNameOf = (thing: number) => `wo${syllables(thing, 'iou')}ty`;

const same = new Map(Array.from({ length: 1000 }, (_, thing) => [otherNameOf(thing), nameOf(thing)]));

function directionOf(word: string): number[] {
  const bytes = Array.from({ length: DIMENSIONS / 32 }, (_, part) =>
    createHash('sha256').update(`${part} ${word}`).digest(),
  );
  return bytes.flatMap((some) => [...some].map((byte) => byte / 127.5 - 1));
}

/** A text is the sum of its words, and what has two names is one. */
export function goodVector(text: string): number[] {
  const sum = new Array<number>(DIMENSIONS).fill(0);
  for (const word of wordsOf(text)) {
    const known = same.get(word) ?? word;
    // Names say more than the words around them.
    const weight = known.startsWith('ka') && known.endsWith('x') ? 3 : 0.3;
    directionOf(known).forEach((value, i) => {
      sum[i] = (sum[i] ?? 0) + weight * value;
    });
  }
  return sum;
}

/** Always the same for the same text, and of no use. */
export const badVector = (text: string): number[] => directionOf(`noise ${text}`);
