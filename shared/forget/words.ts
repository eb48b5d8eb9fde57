/**
 * Words that are forgotten, as they are looked for wherever they may have got to. A short word stands everywhere and says
 * nothing ("ok", "4711"): what holds it is found by whose row it is, never by the word.
 */

/** What is shorter is not looked for. */
export const SHORTEST_chars = 12;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The house cuts what it shows of a text: up to there, any so many characters of whole words are looked for as well. */
const SHOWN_chars = 1000;
const PIECE_chars = 40;

/** Part of a sentence is looked for when it is so long, or has a number in it: "of course, why not" says nothing. */
const PART_chars = 20;

/**
 * What to look for: each sentence and line, the parts of it that stand between commas and colons, and each long name or
 * number (an address, an account). A single plain word is no phrase, and the name of a row is the house's own.
 */
export function phrasesOf(texts: readonly string[]): string[] {
  const found = new Set<string>();
  const add = (phrase: string) => {
    if (phrase.length >= SHORTEST_chars && /[\s\d@]/.test(phrase) && !UUID.test(phrase)) found.add(phrase);
  };
  for (const text of texts) {
    for (const sentence of text.split(/[\r\n]+|(?<=[.!?…。！？])\s+/)) {
      add(trimmed(sentence));
      for (const part of sentence.split(/(?<=[,;:])\s+|[，；：、]/).map(trimmed))
        if (part.length >= PART_chars || /\d/.test(part)) add(part);
    }
    for (const name of text.split(/\s+/)) if (/[\d@]/.test(name)) add(trimmed(name));
    for (const piece of piecesOf(text.slice(0, SHOWN_chars))) add(piece);
  }
  return [...found];
}

/** From each word on, as many as come to a piece. */
function* piecesOf(text: string): Generator<string> {
  const words = text.replace(/\s+/g, ' ');
  for (let at = 0; at >= 0 && at + PIECE_chars < words.length; ) {
    const end = words.indexOf(' ', at + PIECE_chars);
    if (end < 0) return;
    yield trimmed(words.slice(at, end));
    const next = words.indexOf(' ', at);
    at = next < 0 ? -1 : next + 1;
  }
}

/** Without what stands around it: quotes, stops, dashes. */
function trimmed(text: string): string {
  return text.replace(/^[\s\p{P}\p{S}]+|[\s\p{P}\p{S}]+$/gu, '');
}

/** To know the same words again: small letters, one space between them, nothing around them. */
export function normalised(text: string): string {
  return trimmed(text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' '));
}

/** As it stands in JSON, in JSON within JSON, in JSON of ASCII alone, and in an address. */
function formsOf(phrase: string): string[] {
  const json = (text: string) => JSON.stringify(text).slice(1, -1);
  const ascii = json(phrase).replace(
    /[\u0080-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const address = encodeURIComponent(phrase.toWellFormed());
  return [
    phrase,
    json(phrase),
    json(json(phrase)),
    ascii,
    json(ascii),
    address,
    address.replaceAll('%20', '+'),
  ];
}

/** All that is looked for, for the phrases. Letters beyond ASCII are given in either case. */
export function needlesOf(phrases: readonly string[]): string[] {
  return [
    ...new Set(phrases.flatMap((it) => [it, it.toLowerCase(), it.toUpperCase()]).flatMap(formsOf)),
  ].filter((needle) => needle.length >= SHORTEST_chars);
}

export type Finder = {
  /** Which of the phrases stand in it. */
  in(text: string): Set<string>;
  /** It, without them. */
  without(text: string): string;
};

const STRUCK = '[forgotten]';

/** Finds many phrases in one pass, whatever their case. */
export function finder(phrases: readonly string[]): Finder {
  // No needle is shorter: sentences that begin with the same words are mostly told apart by so much.
  const keyAt = (text: string, at: number) => text.slice(at, at + SHORTEST_chars);
  const byKey = new Map<string, { needle: string; phrase: string }[]>();
  const starts = new Uint8Array(2 ** 16);
  for (const phrase of phrases) {
    for (const needle of new Set(needlesOf([phrase]).map(folded))) {
      const some = byKey.get(keyAt(needle, 0)) ?? [];
      byKey.set(keyAt(needle, 0), some);
      some.push({ needle, phrase });
      starts[pairAt(needle, 0)] = 1;
    }
  }
  // The longest first: a sentence goes as a whole, not in pieces.
  for (const some of byKey.values()) some.sort((a, b) => b.needle.length - a.needle.length);

  /** In order; one may begin within another. */
  function hits(text: string, hit: (phrase: string, at: number, end: number) => void): void {
    const small = folded(text);
    const last = small.length - SHORTEST_chars;
    for (let at = 0; at <= last; at++) {
      if (starts[pairAt(small, at)] === 0) continue;
      for (const { needle, phrase } of byKey.get(keyAt(small, at)) ?? [])
        if (small.startsWith(needle, at)) hit(phrase, at, at + needle.length);
    }
  }

  return {
    in(text) {
      const found = new Set<string>();
      hits(text, (phrase) => found.add(phrase));
      return found;
    },
    without(text) {
      let [kept, from] = ['', 0];
      hits(text, (_, at, end) => {
        if (at >= from) kept += text.slice(from, at) + STRUCK;
        if (end > from) from = end;
      });
      return from === 0 ? text : kept + text.slice(from);
    },
  };
}

/** What its next two characters come to, of 65,536: most places of a text are passed by with a look at that. */
function pairAt(text: string, at: number): number {
  return (text.charCodeAt(at) * 31 + text.charCodeAt(at + 1)) & 0xffff;
}

/** Small letters, each in its place: some grow longer, and those stay as they are. */
function folded(text: string): string {
  const small = text.toLowerCase();
  if (small.length === text.length) return small;
  return text.replace(/./gsu, (char) =>
    char.toLowerCase().length === char.length ? char.toLowerCase() : char,
  );
}
