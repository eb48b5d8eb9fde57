/**
 * Words that are nobody's in charge: what a page, a file, a tool or a stranger says. They reach the model as data, with
 * their source, in a frame that they cannot close themselves. The frame tells the model; what such words may bring
 * about is decided by policy and sandbox alone.
 */

/** @param source where they come from: `web https://example.com/`, `file notes.txt`, `mcp mail`, `forwarded from Ann` */
export function untrusted(source: string, text: string): string {
  const from = source.replace(/[\s<>"]+/g, ' ').slice(0, 200);
  return `<untrusted source="${from}">\n${harmless(text)}\n</untrusted>`;
}

/** As strangers, the source of what is remembered of them. */
export const MEMORY = 'memory';

/** What is remembered: data too, in a frame of its own. Each item says where it is from. */
export function remembered(text: string): string {
  return `<memory>\n${harmless(text)}\n</memory>`;
}

/** Whether a text was not said, but is what is remembered of what was said. */
export function isRemembered(text: string): boolean {
  return text.startsWith('<memory>\n') || text.startsWith(`<untrusted source="${MEMORY}">\n`);
}

/** Also as a reader would take it: with blanks in it, with characters that do not show, with wide brackets. */
const FRAME = new RegExp(
  `[<＜﹤]([\\s\\p{Cf}/／]*(?:${['untrusted', 'memory'].map((word) => [...word].join('\\p{Cf}*')).join('|')}))`,
  'giu',
);

function harmless(text: string): string {
  return text.replace(FRAME, '&lt;$1');
}
