/**
 * The items of an RSS, Atom or JSON feed. A tolerant reader: it looks for the few elements that say what an item is called,
 * where it is and when it came, declares nothing, expands nothing, and takes whatever is broken for as much as it says.
 */

import * as z from 'zod/mini';
import { pageText, unescaped } from './text.ts';

export type Item = {
  /** What the feed calls it, or where it is. */
  id: string;
  title: string;
  url: string;
  at: number | null;
  text: string;
};

const MOST_items = 200;

const json = z.looseObject({
  items: z.array(
    z.looseObject({
      id: z.optional(z.union([z.string(), z.number()])),
      url: z.optional(z.string()),
      title: z.optional(z.string()),
      date_published: z.optional(z.string()),
      content_text: z.optional(z.string()),
      summary: z.optional(z.string()),
    }),
  ),
});

/** Newest as the feed has them; null when it is no feed. */
export function itemsOf(text: string): Item[] | null {
  const trimmed = text.trimStart();
  if (trimmed.startsWith('{')) return jsonItems(trimmed);
  const isFeed = /<(rss|feed|rdf:RDF)[\s>]/i.test(trimmed.slice(0, 4096));
  return isFeed ? blocks(trimmed, ['item', 'entry']).slice(0, MOST_items).map(itemOf) : null;
}

function jsonItems(text: string): Item[] | null {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return null;
  }
  const feed = json.safeParse(raw);
  if (!feed.success) return null;
  return feed.data.items
    .slice(0, MOST_items)
    .map(({ id, url = '', title = '', date_published, content_text, summary }) => ({
      id: String(id ?? (url || title)),
      title,
      url,
      at: timeOf(date_published ?? ''),
      text: content_text ?? summary ?? '',
    }));
}

function itemOf(block: string): Item {
  const title = words(first(block, ['title']));
  const url = linkOf(block);
  return {
    id: words(first(block, ['guid', 'id'])) || url || title,
    title,
    url,
    at: timeOf(words(first(block, ['pubDate', 'published', 'updated', 'dc:date']))),
    text: words(first(block, ['description', 'summary', 'content', 'content:encoded'])),
  };
}

/** Atom has the address in an attribute, and others beside it. */
function linkOf(block: string): string {
  const tags = [...block.matchAll(/<link\b([^<>]{0,2000})>/gi)].map(([, attributes = '']) => attributes);
  const main = tags.find(
    (attributes) => /href=/.test(attributes) && !/rel=["'](?!alternate)/.test(attributes),
  );
  const href = /href=["']([^"']*)/.exec(main ?? '')?.[1];
  return unescaped(href ?? words(first(block, ['link']))).trim();
}

function timeOf(text: string): number | null {
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

/** The insides of these elements, in the order in which they stand. None of them nests. */
function blocks(xml: string, names: readonly string[]): string[] {
  const found: string[] = [];
  const open = new RegExp(`<(${names.join('|')})(?:\\s[^<>]{0,2000})?>`, 'gi');
  for (let match = open.exec(xml); match && found.length < MOST_items; match = open.exec(xml)) {
    const end = xml.indexOf(`</${match[1]}`, open.lastIndex);
    if (end < 0) break;
    found.push(xml.slice(open.lastIndex, end));
    open.lastIndex = end;
  }
  return found;
}

function first(block: string, names: readonly string[]): string {
  for (const name of names) {
    const [found] = blocks(block, [name]);
    if (found !== undefined) return found;
  }
  return '';
}

/** HTML may lie in it as it is, in a CDATA section, or escaped. */
function words(inner: string): string {
  const cdata = /^\s*<!\[CDATA\[([\s\S]*?)\]\]>\s*$/.exec(inner)?.[1];
  return pageText(cdata ?? unescaped(inner)).replace(/\n/g, ' ');
}
