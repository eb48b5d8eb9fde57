/** The text of others on a page: it commands nothing, hides nothing, and pushes nothing aside. */

import { html } from 'hono/html';
import type { Html } from './page.ts';

/** What does not show, or changes how what stands beside it shows; not what joins letters and emoji, or varies one. */
const HIDDEN =
  /[\p{Cc}--[\n\t]]|[\p{Default_Ignorable_Code_Point}--[\u180b-\u180d\u180f\u200c\u200d\ufe00-\ufe0f]]|[\u2028\u2029\ufff9-\ufffb]|(?<=[\ufe00-\ufe0f])[\ufe00-\ufe0f]/gv;

/** In the place of a sign that hides: its number, which every font has. */
function shown(sign: string): string {
  return `[U+${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`;
}

/** @param most characters; of what is longer, the beginning, and how much is left out */
export function plain(text: string, most = 2000): string {
  const left = text.length - most;
  const part = (left > 0 ? text.slice(0, most) : text).toWellFormed();
  const seen = part.replaceAll('\r\n', '\n').replace(HIDDEN, shown);
  return left > 0 ? `${seen}… (${left.toLocaleString('en')} more characters)` : seen;
}

/** In one line, as it is told apart in a list. */
export function line(text: string, most: number): string {
  // What is far beyond the end of the line need not be looked at.
  const words = text
    .slice(0, 10 * most)
    .replace(/\s+/g, ' ')
    .trim();
  return words.length > most ? `${plain(words.slice(0, most))}…` : plain(words);
}

const MOST_VERBATIM_chars = 20_000;

/** With its lines as they are. @param label what it is, for whoever hears it */
export function verbatim(text: string, label: string, most = MOST_VERBATIM_chars): Html {
  return html`<pre class="verbatim" tabindex="0" role="group" aria-label="${label}" dir="auto">${plain(text, most)}</pre>`;
}

/** Deeper, the blanks before the lines come to far more than the lines: 8 kB of brackets are 32 MB laid out. */
const DEEPEST = 50;

/** JSON as a person reads it; what is none, or too deep, as it is. */
export function indented(json: string): string {
  let [depth, deepest] = [0, 0];
  for (const [bracket] of json.matchAll(/[[\]{}]/g)) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  if (deepest > DEEPEST) return json;
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json; // not JSON: shown all the same
  }
}
