/** The text of others on a page: it commands nothing, hides nothing, and pushes nothing aside. */

import { html } from 'hono/html';
import type { Html } from './page.ts';

/** What does not show, or changes how what stands beside it shows; not what joins letters and emoji. */
const HIDDEN =
  /[^\P{Cc}\n\t]|[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

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

const MOST_VERBATIM_chars = 20_000;

/** With its lines as they are. @param label what it is, for whoever hears it */
export function verbatim(text: string, label: string, most = MOST_VERBATIM_chars): Html {
  return html`<pre class="verbatim" tabindex="0" role="group" aria-label="${label}" dir="auto">${plain(text, most)}</pre>`;
}

/** JSON as a person reads it; what is none, as it is. */
export function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json; // not JSON: shown all the same
  }
}
