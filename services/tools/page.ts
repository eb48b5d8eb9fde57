/** A page of HTML as text, in a thread of its own: `fetch.ts` gives it up when it takes too long. */

import { parentPort, workerData } from 'node:worker_threads';
import { convert } from 'html-to-text';

const MOST_LINKS = 60;

/** The title, the text with numbers for its links, and the links. */
function textOf(html: string, base: string): string {
  const links = new Map<string, number>();
  const skipped = [
    'title',
    'img',
    'nav',
    'footer',
    'script',
    'style',
    'noscript',
    'svg',
    'iframe',
    'form',
    '[hidden]',
  ];
  const text = convert(html, {
    wordwrap: false,
    limits: { maxInputLength: html.length, maxDepth: 200, maxChildNodes: 10_000 },
    formatters: {
      reference(element, walk, builder) {
        walk(element.children, builder);
        const url = URL.parse(element.attribs?.href ?? '', base);
        if (!url || !/^https?:$/.test(url.protocol) || url.href.split('#')[0] === base.split('#')[0]) return;
        if (!links.has(url.href) && links.size < MOST_LINKS) links.set(url.href, links.size + 1);
        const number = links.get(url.href);
        if (number !== undefined) builder.addInline(` [${number}]`);
      },
    },
    selectors: [
      { selector: 'a', format: 'reference' },
      ...['h1', 'h2', 'h3', 'h4'].map((selector) => ({ selector, options: { uppercase: false } })),
      {
        selector: 'table',
        format: 'dataTable',
        options: { uppercaseHeaderCells: false, maxColumnWidth: 60 },
      },
      ...skipped.map((selector) => ({ selector, format: 'skip' })),
    ],
  });
  const title = /<title[^>]*>([^<]{1,500})/i.exec(html)?.[1];
  return [
    ...(title ? [`# ${convert(title, { wordwrap: false })}`] : []),
    text.replace(/\n{3,}/g, '\n\n').trim(),
    ...(links.size > 0 ? [[...links].map(([href, number]) => `[${number}] ${href}`).join('\n')] : []),
  ].join('\n\n');
}

parentPort?.postMessage(textOf(workerData.html, workerData.base));
