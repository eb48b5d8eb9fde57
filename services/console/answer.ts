/** How the console answers: every answer bears the same headers, and a page is made of text that was escaped. */

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Html } from './page.ts';

/**
 * No script but ours, no frame, nothing from elsewhere. `same-origin`, for with `no-referrer` browsers send `Origin: null`
 * along with a form of our own (https://fetch.spec.whatwg.org/#append-a-request-origin-header); to others nothing is told.
 */
const GUARD = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  'cache-control': 'no-store',
};

export function guard(response: ServerResponse): void {
  for (const [name, value] of Object.entries(GUARD)) response.setHeader(name, value);
}

/** A page; 304 where the browser says that it has the same. */
export async function page(
  { headers, method }: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: Html,
): Promise<void> {
  const text = String(await body);
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  response.setHeader('etag', etag);
  if (status === 200 && headers['if-none-match'] === etag) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' });
  response.end(method === 'HEAD' ? undefined : text);
}

/** A file to be kept, and never shown in place of a page. */
export function file(response: ServerResponse, { name, text }: { name: string; text: string }): void {
  response.writeHead(200, {
    'content-type': 'text/plain; charset=utf-8',
    'content-disposition': `attachment; filename="${name.replace(/[^\w.-]/g, '_')}"`,
  });
  response.end(text);
}

export function seeOther(response: ServerResponse, to: string, status: 303 | 307 = 303): void {
  response.writeHead(status, { location: to }).end();
}

/** In few words, for whoever has no business here. */
export function refuse(response: ServerResponse, status: number, because: string): void {
  // What it still sends is not read.
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(`${because}\n`);
}
