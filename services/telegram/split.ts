/**
 * Cuts a text into parts that Telegram takes: at most 4,096 UTF-16 code units each (the server counts code points
 * after trimming, which is never more), none of them blank, and no character cut in two. A cut falls on the last end of
 * a paragraph, line, sentence or word in the second half of what fits; where there is none, wherever it must.
 */

export const LONGEST_PART = 4096;

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
