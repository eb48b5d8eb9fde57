/**
 * Words that are nobody's in charge: what a page, a file, a tool or a stranger says. They reach the model as data, with
 * their source, in a frame that they cannot close themselves. The frame tells the model; what such words may bring
 * about is decided by policy and sandbox alone.
 */

/** @param source where they come from: `web https://example.com/`, `file notes.txt`, `mcp mail`, `forwarded from Ann` */
export function untrusted(source: string, text: string): string {
  const from = source.replace(/[\s<>"]+/g, ' ').slice(0, 200);
  return `<untrusted source="${from}">\n${text.replace(/<(\/?untrusted)/gi, '&lt;$1')}\n</untrusted>`;
}
