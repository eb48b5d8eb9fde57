/**
 * What was found, as a model is told it: quoted, with who said it and when. What cannot be believed stands in a stranger's
 * frame. Pure.
 */

import { periodOf } from '../base/period.ts';
import { MEMORY, remembered, untrusted } from '../base/untrusted.ts';
import type { Found } from './recall.ts';

export type Told = {
  texts: string[];
  /** Whose words of strangers are in it. */
  sources: string[];
};

/** The oldest first, so that what is newer reads as such. */
export function toldOf(found: readonly Found[]): Told {
  const lines = (believed: boolean) =>
    found
      .filter(({ trust }) => trust >= 2 === believed)
      .toSorted((a, b) => a.at - b.at)
      .map(lineOf)
      .join('\n');
  const [known, doubtful] = [lines(true), lines(false)];
  return {
    texts: [...(known ? [remembered(known)] : []), ...(doubtful ? [untrusted(MEMORY, doubtful)] : [])],
    sources: doubtful ? [MEMORY] : [],
  };
}

/** The lines of its text but the first stand back: none passes for another item. */
export function lineOf(found: Omit<Found, 'score' | 'why'>): string {
  const { kind, id, role, author, at, trust, text, unclear } = found;
  // Whom the config names has no name here.
  const who = author || (trust === 3 ? 'the owner' : 'a person');
  const said = role === 'assistant' ? 'you said' : `${who} said`;
  const what = kind === 'memory' ? `#${id}` : said.replace(/[[\]\s]+/g, ' ');
  return `- [${what}, ${dayOf(at)}${unclear ? ', unclear: ask' : ''}] ${text.trim().replace(/\s*[\n\r\v\f\u0085\u2028\u2029]\s*/g, '\n  ')}`;
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** Such as `Fri 2026-11-20`, where the machine is. */
export function dayOf(at: number): string {
  return `${DAYS[new Date(at).getDay()]} ${periodOf('day', at).name}`;
}
