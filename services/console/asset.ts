/** The few files that pages need, by their content: an address never means anything else, so browsers keep them. */

import { createHash } from 'node:crypto';
import { script } from './script.ts';
import { style } from './style.ts';

export type Asset = { type: string; text: string };

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#3763d8" stroke-width="2"><path d="M2 12c5-8 15-8 20 0-5 8-15 8-20 0z"/><circle cx="12" cy="12" r="3.2" fill="#3763d8"/></svg>`;

const files = {
  style: { name: 'css', type: 'text/css; charset=utf-8', text: style },
  script: { name: 'js', type: 'text/javascript; charset=utf-8', text: script },
  icon: { name: 'svg', type: 'image/svg+xml', text: icon },
};

const addressOf = ({ name, text }: { name: string; text: string }) =>
  `/asset/${createHash('sha256').update(text).digest('hex').slice(0, 16)}.${name}`;

export const addresses = {
  style: addressOf(files.style),
  script: addressOf(files.script),
  icon: addressOf(files.icon),
};

export const assets: ReadonlyMap<string, Asset> = new Map(
  Object.values(files).map((file) => [addressOf(file), file]),
);
