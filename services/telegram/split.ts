/**
 * Cuts a message into parts that Telegram takes: at most 4,096 UTF-16 code units each (the server counts code points
 * after trimming, which is never more), none of them blank, and no character cut in two. A cut falls on the last end of
 * a paragraph, line, sentence or word in the second half of what fits; where there is none, wherever it must.
 */

import type { MessageEntity } from 'grammy/types';

export const LONGEST_PART = 4096;
/** Beyond the hundredth, Telegram drops entities without a word (TDLib: get_input_message_entities). */
const MOST_ENTITIES = 100;

export type Part = { text: string; entities: readonly MessageEntity[] };

/** A text with its entities, outer ones first; `breaks` are where its blocks begin: there it is cut rather than elsewhere. */
export type Formatted = Part & { breaks: readonly number[] };

/**
 * What Telegram takes for nothing at all (TDLib: clean_input_string, fix_formatted_text). It would refuse such a part,
 * and the parts after it would never go.
 */
const BLANK =
  /^(?:[\s\p{Cc}\u180e\u200b-\u200f\u202a-\u202e\u2800\ufffc\u{e0000}-\u{e007f}]|\u030a|\u0333|\u033f)*$/u;

export function split(text: string, longest = LONGEST_PART): string[] {
  const parts: string[] = [];
  const keep = (part: string) => {
    if (!BLANK.test(part)) parts.push(part);
  };
  let rest = text.toWellFormed().trim();
  while (rest.length > longest) {
    const at = cut(rest, longest);
    keep(rest.slice(0, at).trimEnd());
    rest = rest.slice(at).trimStart();
  }
  keep(rest);
  return parts;
}

/** The same for a text with entities. What is cut in two, such as code, is one of its kind in both parts. */
export function splitFormatted(whole: Formatted, longest = LONGEST_PART): Part[] {
  const { text } = whole;
  const parts: Part[] = [];
  let from = skipBlanks(whole, 0);
  while (from < text.length) {
    const to = endOfPart(whole, from, longest);
    const part = between(whole, from, to);
    if (!BLANK.test(part.text)) parts.push(part);
    from = skipBlanks(whole, to);
  }
  return parts;
}

/** Blanks in front of code are its indentation. */
function skipBlanks({ text, entities }: Formatted, from: number): number {
  const blanks = /^\s*/.exec(text.slice(from))?.[0].length ?? 0;
  const isCode = entities.some(
    ({ type, offset, length }) => type === 'pre' && offset <= from + blanks && from < offset + length,
  );
  return isCode ? from + (/^\n*/.exec(text.slice(from))?.[0].length ?? 0) : from + blanks;
}

function endOfPart({ text, entities, breaks }: Formatted, from: number, longest: number): number {
  const here = entities.filter(({ offset, length }) => offset + length > from);
  const surplus = here[MOST_ENTITIES]?.offset ?? text.length;
  const most = Math.min(from + longest, surplus > from ? surplus : text.length);
  if (text.length <= most) return text.length;
  const at = breaks.findLast((place) => place > from && place <= most);
  const next = breaks.find((place) => place > most) ?? text.length;
  // A block that would fit into a part of its own is not cut.
  if (at !== undefined && (next - at <= longest || at - from > longest / 2)) return at;
  return from + cut(text.slice(from, most + 1), most - from);
}

function between({ text, entities }: Formatted, from: number, to: number): Part {
  const end = from + text.slice(from, to).trimEnd().length;
  const inside = entities
    .filter(({ offset, length }) => offset < end && offset + length > from)
    .map((entity) => {
      const offset = Math.max(entity.offset, from);
      return {
        ...entity,
        offset: offset - from,
        length: Math.min(entity.offset + entity.length, end) - offset,
      };
    });
  return { text: text.slice(from, end), entities: inside.slice(0, MOST_ENTITIES) };
}

const ENDS = ['\n\n', '\n', '. ', ' '];

function cut(text: string, longest: number): number {
  for (const end of ENDS) {
    const at = text.lastIndexOf(end, longest - end.length);
    if (at > longest / 2) return at + end.length;
  }
  // The second half of a surrogate pair goes where the first one goes.
  const code = text.charCodeAt(longest);
  return code >= 0xdc00 && code <= 0xdfff ? longest - 1 : longest;
}
