/** What is new on a page or in a feed of the owner's choice, by what was there before. Pure. */

import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import type { Page } from './config.ts';
import { itemsOf } from './feed.ts';
import { pageText, quoted } from './text.ts';

const seenSchema = z.object({
  etag: z._default(z.nullable(z.string()), null),
  modified: z._default(z.nullable(z.string()), null),
  hash: z._default(z.nullable(z.string()), null),
  /** The lines that were there, by short names. */
  lines: z._default(z.array(z.string()), []),
  items: z._default(z.nullable(z.array(z.string())), null),
  holds: z._default(z.boolean(), false),
});
export type Seen = z.infer<typeof seenSchema>;

export function readSeen(text: string): Seen {
  return seenSchema.parse(JSON.parse(text));
}

const MOST_lines = 4000;
const MOST_items = 500;
const TOLD = 5;

/**
 * @returns what is to be seen next time, and the news in a stranger's words, a line each; null when there is none. The
 * first look at what may change only remembers.
 */
export function newsOf(
  when: Page['when'],
  before: Seen,
  text: string,
): { seen: Seen; news: string[] | null } {
  if (typeof when === 'object') {
    const said = plain(text);
    const wanted = 'contains' in when ? when.contains : when.lacks;
    const holds = said.toLowerCase().includes(wanted.toLowerCase()) === 'contains' in when;
    return { seen: { ...before, holds }, news: holds && !before.holds ? [around(said, wanted)] : null };
  }
  const items = itemsOf(text);
  if (items) {
    const known = before.items === null ? null : new Set(before.items);
    const fresh = known ? items.filter(({ id }) => !known.has(short(id))) : [];
    const kept = [...new Set([...items.map(({ id }) => short(id)), ...(before.items ?? [])])].slice(
      0,
      MOST_items,
    );
    return {
      seen: { ...before, items: kept },
      news:
        fresh.length > 0
          ? some(fresh.map(({ title, url }) => [quoted(title), quoted(url)].filter(Boolean).join(' ')))
          : null,
    };
  }
  if (when === 'new items') throw new Error('it is no RSS, Atom or JSON feed');
  const lines = plain(text).split('\n').slice(0, MOST_lines);
  const hash = short(lines.join('\n'));
  const known = new Set(before.lines);
  const fresh = lines.filter((line) => !known.has(short(line)));
  const seen = { ...before, hash, lines: lines.map(short) };
  if (before.hash === null || before.hash === hash) return { seen, news: null };
  return {
    seen,
    news: fresh.length > 0 ? some(fresh.map((line) => quoted(line))) : ['(something was taken away)'],
  };
}

function some(all: readonly string[]): string[] {
  return all.length > TOLD ? [...all.slice(0, TOLD), `… and ${all.length - TOLD} more`] : [...all];
}

function plain(text: string): string {
  return /^\s*(<!doctype html|<html|<\?xml|<[a-z]+[\s>])/i.test(text)
    ? pageText(text)
    : text.replace(/\r/g, '');
}

/** The words and what is around them; where they are not, there is nothing to show. */
function around(said: string, wanted: string): string {
  const at = said.toLowerCase().indexOf(wanted.toLowerCase());
  return at < 0
    ? `(without "${quoted(wanted)}")`
    : quoted(said.slice(Math.max(0, at - 80), at + wanted.length + 80));
}

function short(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 12);
}
