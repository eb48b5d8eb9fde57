/** An answer as it is read: its Markdown where that is worth a parse, its very lines otherwise. */

import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import { isTangled } from '#shared/base/tangled.ts';
import { plain } from './text.ts';

const MOST_chars = 60_000;

export async function answer(said: {
  text: string;
  format: 'plain' | 'markdown';
}): Promise<HtmlEscapedString> {
  if (said.format === 'plain' || isTangled(said.text))
    return html`<p class="words">${plain(said.text, MOST_chars)}</p>`;
  // The parser is not loaded before somebody reads an answer: the console stays light.
  const { rendered } = await import('./markdown.ts');
  return rendered(said.text);
}
