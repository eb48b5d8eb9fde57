/** Text out of pages and feeds that anybody may have written. One pass over it, whatever it holds: no parser, no entities but the usual. */

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
};

/** An entity that a document declares itself stays as it is written: nothing is ever expanded. */
export function unescaped(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,6}));/gi, (all, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? all;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 31 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
      ? String.fromCodePoint(code)
      : ' ';
  });
}

/** What a page says to its reader, a line a block: no scripts, no styles, no head but the title. */
export function pageText(html: string): string {
  const said: string[] = [];
  for (let at = 0; at < html.length; ) {
    const open = html.indexOf('<', at);
    said.push(html.slice(at, open < 0 ? undefined : open));
    if (open < 0) break;
    if (html.startsWith('<!--', open)) {
      at = after(html, '-->', open);
      continue;
    }
    const [, closing, name = ''] = /^<(\/?)([a-z][a-z0-9]{0,15})/i.exec(html.slice(open, open + 20)) ?? [];
    if (closing === undefined && !/^<[!?]/.test(html.slice(open, open + 2))) {
      said.push('<');
      at = open + 1;
      continue;
    }
    at = after(html, '>', open);
    const tag = name.toLowerCase();
    if (closing === '' && SILENT.has(tag)) at = afterTag(html, tag, at);
    if (!INLINE.has(tag)) said.push('\n');
  }
  return tidy(unescaped(said.join('')));
}

const SILENT = new Set(['script', 'style', 'noscript', 'template', 'svg', 'iframe']);
const INLINE = new Set([
  'a',
  'abbr',
  'b',
  'code',
  'em',
  'i',
  'mark',
  'q',
  's',
  'small',
  'span',
  'strong',
  'sub',
  'sup',
  'time',
  'u',
  'wbr',
]);

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? text.length : found + mark.length;
}

/** One that is never closed silences the rest, as in a browser. */
function afterTag(html: string, tag: string, from: number): number {
  const close = new RegExp(`</${tag}`, 'gi');
  close.lastIndex = from;
  const found = close.exec(html);
  return found ? after(html, '>', found.index) : html.length;
}

function tidy(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .filter((line) => line !== '')
    .join('\n');
}

/** A stranger's words for a message of ours: one line, no longer than `most`, nothing that steers a screen. */
export function quoted(text: string, most = 200): string {
  const line = text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .toWellFormed();
  return line.length > most ? `${line.slice(0, most).trimEnd().toWellFormed()}…` : line;
}
