/**
 * What a session was about, in its own words: the lines of the owner's that say the most, by how rare their words are among
 * all lines at hand. Good enough to find it again; a model's summary takes its place. Pure.
 */

import type { Change } from '../change.ts';
import { isInstruction, isOwnEcho } from '../words.ts';
import type { Line } from './statement.ts';

/** A shorter one is read as quickly itself. */
const FEWEST_lines = 4;
const MOST_lines = 4;
const LONGEST_chars = 160;

export type Said = Line & { own: boolean };

/** The sessions that are over: a long silence came after them. In order; each by all that was said. */
export function sessionsOver(said: readonly Said[], gap_ms: number): Said[][] {
  const sessions: Said[][] = [];
  for (const one of said) {
    const open = sessions.at(-1);
    const last = open?.at(-1);
    if (!open || !last || one.at - last.at >= gap_ms) sessions.push([one]);
    else open.push(one);
  }
  return sessions.slice(0, -1);
}

/** Nothing where the session was short. */
export function gistOf(session: readonly Said[], all: readonly Said[]): Change[] {
  const own = session.filter((one) => one.own && isTelling(one.text));
  const [first, last] = [session[0], session.at(-1)];
  if (own.length < FEWEST_lines || !first || !last) return [];
  const among = new Map<string, number>();
  for (const { text } of all) for (const word of wordsOf(text)) among.set(word, (among.get(word) ?? 0) + 1);
  const rarity = (word: string) => Math.log((1 + all.length) / (among.get(word) ?? 1));
  const chosen = own
    .map((line) => {
      const words = [...wordsOf(line.text)];
      const sum = words.reduce((total, word) => total + rarity(word), 0);
      return { line, score: sum / Math.sqrt(words.length + 4) };
    })
    .toSorted((a, b) => b.score - a.score || a.line.id - b.line.id)
    .slice(0, MOST_lines)
    .map(({ line }) => line)
    .toSorted((a, b) => a.id - b.id);
  return [
    {
      op: 'add',
      kind: 'summary',
      slot: null,
      text: chosen.map(({ text }) => cut(text)).join('\n'),
      sources: chosen.map(({ id }) => ({ message_id: id, quote: null })),
      confidence: null,
      valid_from: last.at,
      due_at: null,
      period: 'session',
      starts_at: first.at,
      ends_at: last.at,
    },
  ];
}

/** No command, no order, nothing pasted. */
function isTelling(text: string): boolean {
  return !text.startsWith('/') && text.length <= 1500 && !isInstruction(cut(text)) && !isOwnEcho(text);
}

/** Each once; short ones carry little. */
function wordsOf(text: string): Set<string> {
  return new Set(text.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? []);
}

function cut(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= LONGEST_chars ? line : `${line.slice(0, LONGEST_chars - 1).toWellFormed()}…`;
}
