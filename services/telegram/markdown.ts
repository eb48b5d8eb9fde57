/**
 * Markdown as models write it, into text with entities as Telegram shows it. Entities, never a parse_mode: there is no
 * syntax that a stray character could break, so half of an answer that is still being written is as good as a whole one.
 * What Telegram has no form for keeps its meaning as text. Loaded by the first message that needs it.
 */

import type { MessageEntity } from 'grammy/types';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import stringWidth from 'string-width';
import type { Formatted } from './split.ts';

type Root = ReturnType<typeof fromMarkdown>;
type Node = Root['children'][number];
type Of<Type> = Extract<Node, { type: Type }>;

/** A quote longer than this is shown folded. */
const LONG_QUOTE = { characters: 500, lines: 6 };
/** More of this nests deeper than any reader follows, and than the stack holds. */
const DEEPEST = 40;
/** One cell of many words does not drive the other columns off the screen: it stands out of its own. */
const WIDEST_COLUMN = 60;

export function render(markdown: string): Formatted {
  const { text, restore } = shieldMath(markdown.toWellFormed());
  const root = fromMarkdown(text, {
    extensions: [gfm({ singleTilde: false })],
    mdastExtensions: [gfmFromMarkdown()],
  });
  const page = writer(restore);
  const known = new Map<string, string>();
  for (const node of root.children) {
    if (node.type === 'definition') known.set(node.identifier, node.url);
  }
  const scribe = { ...page, known };
  const isNote = (node: Node) => node.type === 'footnoteDefinition';
  // Notes stand at the foot, wherever they were written.
  writeBlocks(scribe, [...root.children.filter((node) => !isNote(node)), ...root.children.filter(isNote)], {
    between: '\n\n',
    depth: 0,
  });
  return page.done();
}

/**
 * Between dollars and in `\(…\)`, `\[…\]` backslashes, stars and underscores are no Markdown. Each formula becomes one
 * character of a private plane, which Markdown takes for a letter, and comes back where it is written, in code too.
 */
function shieldMath(markdown: string): { text: string; restore(text: string): string } {
  const formulas: string[] = [];
  const text = markdown.replace(
    /\$\$(?:[^$`\n]|\n(?! *\n)){1,1000}\$\$|\\\[(?:[^`\n]|\n(?! *\n)){1,1000}?\\\]|\\\([^`\n]{1,300}?\\\)|(?<![\\$\w])\$(?![\s$])[^$`\n]{0,300}(?<![\s\\])\$(?![\d$])/g,
    (formula) => {
      if (formulas.length > 0xfffd) return formula;
      return String.fromCodePoint(0xf0000 + formulas.push(formula) - 1);
    },
  );
  const restore = (written: string) =>
    formulas.length === 0
      ? written
      : written.replace(
          /[\u{f0000}-\u{ffffd}]/gu,
          (one) => formulas[(one.codePointAt(0) ?? 0) - 0xf0000] ?? one,
        );
  return { text, restore };
}

type Style = MessageEntity extends infer Entity
  ? Entity extends MessageEntity
    ? Omit<Entity, 'offset' | 'length'>
    : never
  : never;
type Page = ReturnType<typeof writer>;
type Scribe = Page & { known: ReadonlyMap<string, string> };

function writer(restore: (text: string) => string) {
  const entities: MessageEntity[] = [];
  const breaks: number[] = [];
  let text = '';
  let indent = '';
  return {
    restore,
    write(more: string): void {
      text += indent === '' ? restore(more) : restore(more).replace(/\n(?!\n|$)/g, `\n${indent}`);
    },
    /** Takes the line that has just begun as far in as lines are now. */
    margin(): void {
      if (text.endsWith('\n')) text += indent;
    },
    /** Whatever `write` writes bears the style; nothing written, no style. */
    styled(style: Style, write: () => void): void {
      const offset = text.length;
      const at = entities.length;
      write();
      const length = text.length - offset;
      // In front of those inside it: outer ones come first.
      if (length > 0) entities.splice(at, 0, { ...style, offset, length } as MessageEntity);
    },
    /** The lines that `write` begins stand further in. */
    indented(by: string, write: () => void): void {
      const before = indent;
      indent += by;
      write();
      indent = before;
    },
    /** Lines that begin where they begin. */
    verbatim(lines: string): void {
      text += restore(lines);
    },
    /** Here a message may be cut in two. */
    mayBreak(): void {
      breaks.push(text.length);
    },
    /** What is written from now on, whenever it is asked for. */
    listen(): () => string {
      const from = text.length;
      return () => text.slice(from);
    },
    done: (): Formatted => ({ text, entities, breaks }),
  };
}

type Layout = { between: '\n' | '\n\n'; depth: number; quoted?: boolean };

function writeBlocks(page: Scribe, nodes: readonly Node[], layout: Layout): void {
  let first = true;
  for (const node of nodes) {
    if (node.type === 'definition') continue;
    if (!first) page.verbatim(layout.between);
    first = false;
    if (layout.depth === 0) page.mayBreak();
    // Code stands at the edge: blanks of ours would be copied with it.
    if (node.type !== 'code' && node.type !== 'table') page.margin();
    writeBlock(page, node, layout);
  }
}

function writeBlock(page: Scribe, node: Node, layout: Layout): void {
  if (layout.depth > DEEPEST) {
    page.write('…');
    return;
  }
  const deeper = { ...layout, depth: layout.depth + 1 };
  switch (node.type) {
    case 'heading':
      page.styled({ type: 'bold' }, () => writeInline(page, node.children));
      break;
    case 'blockquote':
      writeQuote(page, node, deeper);
      break;
    case 'code': {
      const language = /^[\w+#.-]{1,32}$/.test(node.lang ?? '') ? { language: node.lang ?? '' } : {};
      page.styled({ type: 'pre', ...language }, () => page.verbatim(node.value));
      break;
    }
    case 'list':
      writeList(page, node, deeper);
      break;
    case 'table':
      page.styled({ type: 'pre' }, () => page.verbatim(tableText(page, node)));
      break;
    case 'thematicBreak':
      page.write('———');
      break;
    case 'footnoteDefinition':
      page.write(`[${node.label ?? node.identifier}] `);
      page.indented('  ', () => writeBlocks(page, node.children, deeper));
      break;
    case 'paragraph':
      writeInline(page, node.children);
      break;
    default:
      writeInline(page, [node]);
      break;
  }
}

/** A quote within a quote, which Telegram does not know, bears a mark instead. */
function writeQuote(page: Scribe, node: Of<'blockquote'>, layout: Layout): void {
  const write = () => writeBlocks(page, node.children, { ...layout, between: '\n\n', quoted: true });
  if (layout.quoted) {
    page.write('> ');
    page.indented('> ', write);
    return;
  }
  const style: { type: 'blockquote' | 'expandable_blockquote' } = { type: 'blockquote' };
  const written = page.listen();
  page.styled(style, () => {
    write();
    const quote = written();
    const isLong = quote.length > LONG_QUOTE.characters || quote.split('\n').length > LONG_QUOTE.lines;
    if (isLong) style.type = 'expandable_blockquote';
  });
}

function writeList(page: Scribe, node: Of<'list'>, layout: Layout): void {
  const isLoose = node.spread === true || node.children.some(({ spread }) => spread);
  const between = isLoose ? '\n\n' : '\n';
  node.children.forEach((item, i) => {
    if (i > 0) page.verbatim(between);
    if (i > 0 && layout.depth === 1) page.mayBreak();
    page.margin();
    const box = typeof item.checked === 'boolean' ? (item.checked ? '☑' : '☐') : undefined;
    const number = node.ordered ? `${(node.start ?? 1) + i}.` : undefined;
    const mark = `${[number, box].filter(Boolean).join(' ') || '•'} `;
    page.write(mark);
    page.indented(' '.repeat(mark.length + 1), () => {
      writeBlocks(page, item.children, { ...layout, between });
    });
  });
}

/** Columns as wide as what they show, which for an ideogram or an emoji is two. */
function tableText(page: Scribe, node: Of<'table'>): string {
  const rows = node.children.map((row) =>
    row.children.map((cell) => plain(page, cell.children).replaceAll('\n', ' ')),
  );
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.min(WIDEST_COLUMN, Math.max(1, ...rows.map((row) => stringWidth(row[i] ?? '')))),
  );
  const line = (row: readonly string[]) =>
    widths
      .map((width, i) => aligned(row[i] ?? '', width, node.align?.[i]))
      .join(' │ ')
      .trimEnd();
  const [head = [], ...body] = rows;
  const rule = widths.map((width) => '─'.repeat(width)).join('─┼─');
  return [line(head), rule, ...body.map(line)].join('\n');
}

function aligned(cell: string, width: number, align: 'left' | 'right' | 'center' | null | undefined): string {
  const blanks = Math.max(0, width - stringWidth(cell));
  const before = align === 'right' ? blanks : align === 'center' ? blanks >> 1 : 0;
  return ' '.repeat(before) + cell + ' '.repeat(blanks - before);
}

function plain(page: Scribe, nodes: readonly Node[]): string {
  const scratch = writer(page.restore);
  writeInline({ ...scratch, known: page.known }, nodes);
  return scratch.done().text;
}

function writeInline(page: Scribe, nodes: readonly Node[], depth = 0): void {
  for (const piece of spoilers(nodes)) {
    if (Array.isArray(piece)) page.styled({ type: 'spoiler' }, () => writeInline(page, piece, depth + 1));
    else writePhrase(page, piece, depth);
  }
}

function writePhrase(page: Scribe, node: Node, depth: number): void {
  if (depth > DEEPEST) {
    page.write('…');
    return;
  }
  const inside = (children: readonly Node[]) => () => writeInline(page, children, depth + 1);
  switch (node.type) {
    case 'text':
    case 'html':
      page.write(node.value);
      break;
    case 'break':
      page.write('\n');
      break;
    case 'strong':
      page.styled({ type: 'bold' }, inside(node.children));
      break;
    case 'emphasis':
      page.styled({ type: 'italic' }, inside(node.children));
      break;
    case 'delete':
      page.styled({ type: 'strikethrough' }, inside(node.children));
      break;
    case 'inlineCode':
      page.styled({ type: 'code' }, () => page.write(node.value));
      break;
    case 'link':
      writeLink(page, node.url, inside(node.children));
      break;
    case 'linkReference':
      writeLink(page, page.known.get(node.identifier) ?? '', inside(node.children));
      break;
    case 'image':
      writeLink(page, node.url, () => page.write(node.alt || 'image'));
      break;
    case 'imageReference':
      writeLink(page, page.known.get(node.identifier) ?? '', () => page.write(node.alt || 'image'));
      break;
    case 'footnoteReference':
      page.write(`[${node.label ?? node.identifier}]`);
      break;
    default:
      if ('children' in node) writeInline(page, node.children as readonly Node[], depth + 1);
  }
}

/** A link that Telegram would refuse, and the whole message with it, is text with its address behind it. */
function writeLink(page: Scribe, target: string, write: () => void): void {
  const address = page.restore(target);
  const url = linkOf(address);
  const written = page.listen();
  if (url) page.styled({ type: 'text_link', url }, write);
  else write();
  const label = written().trim();
  if (url && label === '') page.write(url);
  // A bare address, or an e-mail address, is its own label.
  const isShown = ['', 'http://', 'mailto:'].some((scheme) => `${scheme}${label}` === address);
  if (!url && !isShown) page.write(label === '' ? address : ` (${address})`);
}

/**
 * The address as Telegram takes it, or null. Stricter than the server (TDLib: LinkManager.cpp check_link), which takes
 * some addresses only to rewrite them into others: http and https with a dotted host, and Telegram's own.
 */
function linkOf(address: string): string | null {
  if (/^tg:\/\/[\w-]+(?:\?[\w=&%.-]*)?$/.test(address)) return address;
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address)) return null;
  const url = new URL(address);
  const host = /^(?:[\w-]+(?:\.[\w-]+)+|\[[\da-f:.]+\])$/.test(url.hostname);
  return host && url.username === '' && url.password === '' && url.port !== '0' ? url.href : null;
}

/**
 * `||hidden||`, which Markdown does not know: whatever stands between two pairs of bars that hug it becomes an array
 * of its own.
 */
function spoilers(nodes: readonly Node[]): (Node | Node[])[] {
  if (!nodes.some((node) => node.type === 'text' && node.value.includes('||'))) return [...nodes];
  const pieces = nodes.flatMap((node) =>
    node.type === 'text'
      ? node.value
          .split(/(\|\|)/)
          .filter(Boolean)
          .map((value): Node => ({ type: 'text', value }))
      : [node],
  );
  const found: (Node | Node[])[] = [];
  let isHopeless = false;
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i];
    if (!piece) continue;
    const opens = !isHopeless && isBars(piece) && !/^(?:\s|$)/.test(lettersOf(pieces[i + 1]));
    const end = opens ? closing(pieces, i + 2) : -1;
    // Or each of many bars would look through all the rest in vain.
    if (opens && end < 0) isHopeless = true;
    found.push(end < 0 ? piece : pieces.slice(i + 1, end));
    if (end >= 0) i = end;
  }
  return found;
}

const isBars = (node: Node | undefined) => node?.type === 'text' && node.value === '||';
/** Any letter stands for what is not text. */
const lettersOf = (node: Node | undefined) => (node?.type === 'text' ? node.value : node ? 'x' : '');
const closing = (pieces: readonly Node[], from: number) =>
  pieces.findIndex((piece, i) => i >= from && isBars(piece) && !/\s$/.test(lettersOf(pieces[i - 1])));
