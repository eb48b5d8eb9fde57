/** The words of a text as the index knows them. */

import { stemOf as stripped } from './stem.ts';

/** Scripts that are written without spaces between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー]+/gu;

/** Each two characters that stand together where there are no spaces: 東京都 → 東京, 京都. A single one is itself. */
export function pairsOf(text: string): string[] {
  return (text.normalize('NFKC').match(UNSPACED) ?? []).flatMap((run) => {
    const characters = [...run];
    return characters.length === 1 ? characters : characters.slice(1).map((c, i) => `${characters[i]}${c}`);
  });
}

/** Words in small letters without accents, split where the index splits them: `Zoë's` → zoe, s. */
export function wordsOf(text: string): string[] {
  const small = plain(text);
  return small.match(OTHER.test(small) ? /[\p{L}\p{N}]+/gu : /[a-z0-9]+/gi) ?? [];
}

const OTHER = /[\u0080-\uffff]/;

function plain(text: string): string {
  const small = text.toLowerCase();
  return OTHER.test(small) ? small.normalize('NFKD').replace(/\p{M}/gu, '') : small;
}

/**
 * How many words a text has, of which those that can have one of these stems are told: by how they begin, since of a stem
 * all but its last two letters are its word's, and always the first. Most are not even taken out of the text.
 */
export function wordsLike(stems: readonly string[]): (text: string, tell: (word: string) => void) => number {
  const wanted = new Uint8Array(CODES ** 3);
  for (const stem of stems) {
    const known = Math.min(3, Math.max(1, stem.length - 2));
    const any = CODES ** (3 - known);
    const from = beginOf(stem.slice(0, known), 0);
    wanted.fill(1, from, from + any);
  }
  return (text, tell) => {
    const small = plain(text);
    if (OTHER.test(small)) {
      const words = small.match(/[\p{L}\p{N}]+/gu) ?? [];
      words.forEach(tell);
      return words.length;
    }
    let [count, begin] = [0, -1];
    for (let at = 0; at <= small.length; at++) {
      if (codeAt(small, at) > 0) {
        if (begin < 0) begin = at;
      } else if (begin >= 0) {
        count += 1;
        if (wanted[beginOf(small, begin)] === 1) tell(small.slice(begin, at));
        begin = -1;
      }
    }
    return count;
  };
}

/** Letters and digits are numbered, and 0 is what ends a word. */
const CODES = 37;
const NUMBERED = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /[a-z0-9]/i.test(character) ? Number.parseInt(character, 36) + 1 : 0;
});
const codeAt = (text: string, at: number) => (at < text.length ? (NUMBERED[text.charCodeAt(at)] ?? 0) : 0);

/** The first three letters of a word, as one number. What comes after its end may count in: more is told then. */
function beginOf(text: string, at: number): number {
  return (codeAt(text, at) * CODES + codeAt(text, at + 1)) * CODES + codeAt(text, at + 2);
}

/** Most words come again and again. */
const stems = new Map<string, string>();
const KEPT_stems = 50_000;

export function stemOf(word: string): string {
  let stem = stems.get(word);
  if (stem === undefined) {
    if (stems.size >= KEPT_stems) stems.clear();
    stem = stripped(word);
    stems.set(word, stem);
  }
  return stem;
}

export function stemsOf(text: string): string[] {
  return wordsOf(text).map(stemOf);
}

/** Words that say nothing of what a question is about. */
const STOP = new Set(
  `a about above after again against all also although always am an and any anyone anything are aren as at be because been
  before being below between both but by can cannot could couldn d did didn do does doesn doing don down during each either else
  ever every few for from further had hadn has hasn have haven having he her here hers herself hi him himself his how however i if
  in into is isn it its itself just let ll m may me might mine more most much must my myself no nor not now of off ok okay on once
  one only or other our ours ourselves out over own please s same shall she should shouldn so some someone something such t than
  thank thanks that the their theirs them themselves then there these they this those though through to too under until up upon us
  very was wasn we were weren what whatever when whenever where wherever which while who whoever whom whose why will with within
  without won would wouldn yes yet you your yours yourself yourselves re ve hello hey yeah yep nope sure
  tell told say said know remember recall kind kinds type types sort both common mention mentioned many etc des does`.split(
    /\s+/,
  ),
);

export function isStop(word: string): boolean {
  return STOP.has(word) || (word.length === 1 && !/\p{N}|\p{Lo}/u.test(word));
}

/** Words of greeting and agreement: a message of nothing else asks for nothing. */
const SMALL_TALK = new Set(
  `hi hello hey ping pong test testing morning afternoon evening night good great nice cool fine perfect awesome lol haha hah ha
  welcome cheers bye goodbye ciao thx ty thank thanks ok okay k yep yup nope np sure right alright correct exactly got understood
  done go going ahead start stop continue next wait moment cancel well wow ah oh hmm hm sorry worries problem there
  vigil`.split(/\s+/),
);

export function isSmallTalk(word: string): boolean {
  return SMALL_TALK.has(word);
}
