/**
 * Markdown as models write it, as a page shows it. Only what stands here becomes markup: HTML in it is text, an image is its
 * address, and a link says where it leads. Loaded by the first answer that needs it.
 */

import { html } from 'hono/html';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import type { Html } from './page.ts';
import { plain } from './text.ts';

type Root = ReturnType<typeof fromMarkdown>;
type Node = Root['children'][number];
type Of<Type> = Extract<Node, { type: Type }>;

/** More of this nests deeper than any reader follows, and than the stack holds. */
const DEEPEST = 40;

type Known = ReadonlyMap<string, string>;

/** @param markdown not tangled */
export function rendered(markdown: string): Html {
  const root = fromMarkdown(markdown.toWellFormed(), {
    extensions: [gfm({ singleTilde: false })],
    mdastExtensions: [gfmFromMarkdown()],
  });
  const known = new Map<string, string>();
  for (const node of root.children) {
    if (node.type === 'definition') known.set(node.identifier, node.url);
  }
  return html`${root.children.map((node) => block(node, known, 0))}`;
}

function block(node: Node, known: Known, depth: number): Html {
  if (depth > DEEPEST) return html`…`;
  const blocks = (nodes: readonly Node[]) => nodes.map((one) => block(one, known, depth + 1));
  switch (node.type) {
    case 'paragraph':
      return html`<p>${inline(node.children, known)}</p>`;
    // The headings of a page are the page's own.
    case 'heading':
      return html`<p><strong>${inline(node.children, known)}</strong></p>`;
    case 'blockquote':
      return html`<blockquote>${blocks(node.children)}</blockquote>`;
    case 'code':
      return html`<pre tabindex="0" role="group" aria-label="${node.lang ? `code, ${plain(node.lang, 32)}` : 'code'}"><code>${plain(node.value, 60_000)}</code></pre>`;
    case 'list':
      return list(node, known, depth);
    case 'table':
      return table(node, known);
    case 'thematicBreak':
      return html`<hr>`;
    case 'definition':
      return html``;
    case 'footnoteDefinition':
      return html`<p>[${plain(node.label ?? node.identifier)}]</p>${blocks(node.children)}`;
    default:
      return html`<p>${inline([node], known)}</p>`;
  }
}

function list(node: Of<'list'>, known: Known, depth: number): Html {
  const items = node.children.map((item) => {
    const box = typeof item.checked === 'boolean' ? (item.checked ? '☑ ' : '☐ ') : '';
    const [only, ...more] = item.children;
    // A tight item is a line, not a paragraph.
    const body =
      only?.type === 'paragraph' && !item.spread
        ? html`${inline(only.children, known)}${more.map((one) => block(one, known, depth + 1))}`
        : html`${item.children.map((one) => block(one, known, depth + 1))}`;
    return html`<li>${box}${body}</li>`;
  });
  return node.ordered
    ? html`<ol start="${Math.min(node.start ?? 1, 2 ** 31 - 1)}">${items}</ol>`
    : html`<ul>${items}</ul>`;
}

function table(node: Of<'table'>, known: Known): Html {
  const [head, ...rows] = node.children;
  return html`<div class="scroll" tabindex="0" role="group" aria-label="table"><table>
    <thead><tr>${head?.children.map((cell) => html`<th scope="col">${inline(cell.children, known)}</th>`) ?? ''}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${row.children.map((cell) => html`<td>${inline(cell.children, known)}</td>`)}</tr>`)}</tbody></table></div>`;
}

function inline(nodes: readonly Node[], known: Known, depth = 0): Html {
  return html`${nodes.map((node) => phrase(node, known, depth))}`;
}

function phrase(node: Node, known: Known, depth: number): Html {
  if (depth > DEEPEST) return html`…`;
  const inside = (children: readonly Node[]) => inline(children, known, depth + 1);
  switch (node.type) {
    case 'text':
    case 'html':
      return html`${plain(node.value, 60_000)}`;
    case 'break':
      return html`<br>`;
    case 'strong':
      return html`<strong>${inside(node.children)}</strong>`;
    case 'emphasis':
      return html`<em>${inside(node.children)}</em>`;
    case 'delete':
      return html`<del>${inside(node.children)}</del>`;
    case 'inlineCode':
      return html`<code>${plain(node.value, 60_000)}</code>`;
    case 'link':
      return link(inside(node.children), node.url, labelOf(node.children));
    case 'linkReference':
      return link(inside(node.children), known.get(node.identifier) ?? '', labelOf(node.children));
    case 'image':
      return link(html`${plain(node.alt || 'image')}`, node.url, '');
    case 'imageReference':
      return link(html`${plain(node.alt || 'image')}`, known.get(node.identifier) ?? '', '');
    case 'footnoteReference':
      return html`[${plain(node.label ?? node.identifier)}]`;
    default:
      return 'children' in node ? inside(node.children as readonly Node[]) : html``;
  }
}

/** What it says may lie: where it leads stands beside it, as the browser reads it. */
function link(label: Html, address: string, text: string): Html {
  const parsed = /^https?:\/\//i.test(address) ? URL.parse(address) : null;
  const where = plain(parsed?.href ?? address, 300);
  // A name before the host is there to be taken for it, or to push it out of sight.
  const url = parsed?.username === '' && parsed.password === '' ? parsed.href : null;
  const beside = where === '' || isSame(text, where) ? '' : html` <span class="soft">(${where})</span>`;
  if (url === null) return html`${label}${beside}`;
  return html`<a href="${url}" target="_blank" rel="noreferrer noopener nofollow">${label}</a>${beside}`;
}

function labelOf(nodes: readonly Node[]): string {
  return nodes.length === 1 && nodes[0]?.type === 'text' ? nodes[0].value : '';
}

/** A bare address is its own label. */
function isSame(text: string, address: string): boolean {
  return ['', 'http://', 'https://', 'mailto:'].some((scheme) =>
    [address, address.replace(/\/$/, '')].includes(scheme + text),
  );
}
