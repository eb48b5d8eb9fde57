/** How a message is searched: by its own words, by those of the short messages beside it, by who said it, and by its date. */

import type { Part } from '#shared/tables/inbound.ts';
import type { Message } from '#shared/tables/message.ts';
import type { Passage } from '#shared/tables/passage.ts';
import { pairsOf } from './terms.ts';

/** A message and what is not in its row: whose memory it is part of, and what its author is called ('' where nobody knows). */
export type Told = Pick<Message, 'id' | 'role' | 'text' | 'at' | 'turn_id' | 'parts_json' | 'trust'> & {
  scope: string;
  conversation: string;
  author: string;
};

/** So many messages before and after it are its context: when one is added, that many before it change. */
export const REACH = 2;

/** After such a pause another conversation begins: what was said before it explains nothing. */
const PAUSE_ms = 3_600_000;

/** A longer neighbour would drown the words of its own message. */
const SHORT_chars = 300;

/** @param conversation messages of the same conversation in order, with those around `message`; itself may be among them */
export function passageOf(message: Told, conversation: readonly Told[]): Passage {
  const { id, scope, turn_id, role, author, at, trust } = message;
  const parts: Part[] = JSON.parse(message.parts_json ?? '[]');
  const quotes = parts.flatMap((part) => (part.kind === 'quote' ? [part.text] : []));
  const notes = parts.flatMap((part) => (part.kind === 'note' ? [part.text] : []));
  const text = [message.text, ...notes].filter(Boolean).join('\n');
  const before = beside(
    message,
    conversation.filter((other) => other.id < id),
    -1,
  );
  const after = beside(
    message,
    conversation.filter((other) => other.id > id),
    1,
  );
  return {
    id,
    scope,
    conversation: message.conversation,
    turn_id,
    role,
    author,
    at,
    trust,
    day: `${DAYS[new Date(at).getDay()]} ${dateOf(at)}`,
    text,
    context: `${lines([...quotes, ...before])}\n\n${lines(after)}`.trimEnd(),
    pairs: pairsOf(text).join(' '),
  };
}

/** The short ones among those next to it, back or forth, as far as no pause lies between; in order. */
function beside(message: Told, others: readonly Told[], direction: 1 | -1): string[] {
  const near = direction === 1 ? others.slice(0, REACH) : others.slice(-REACH).reverse();
  const found: string[] = [];
  let { at } = message;
  for (const other of near) {
    if (Math.abs(other.at - at) > PAUSE_ms) break;
    at = other.at;
    found.push(other.text);
  }
  return direction === 1 ? found : found.reverse();
}

function lines(texts: readonly string[]): string {
  return texts
    .filter((text) => text.length <= SHORT_chars)
    .map((text) => text.replace(/\s+/g, ' ').trim())
    .filter(Boolean)
    .join('\n');
}

/** Such as `8 May 2023`, where the owner is. */
export function dateOf(at: number): string {
  const date = new Date(at);
  return `${date.getDate()} ${MONTHS[date.getMonth()]} ${date.getFullYear()}`;
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
