/**
 * fetch_url: a page of the web as text, a piece at a time. Pictures and documents become files that the model looks at.
 * Whatever it says is a stranger's word, and it may say it slowly, endlessly, or to no purpose: all of that has a limit.
 */

import { dirname, join } from 'node:path';
import * as z from 'zod/mini';
import { untrusted } from '#shared/base/untrusted.ts';
import { ownAmong } from './address.ts';
import { keepCopy } from './file.ts';
import { kindOf } from './kind.ts';
import { type Call, type Hands, type Result, tool } from './registry.ts';

const MOST_bytes = 2 * 2 ** 20;
/** What is told at once; a call's result holds 16 KB, its frame and head included. */
const PIECE_bytes = 14_000;
const LIMIT_ms = 30_000;
const PAGE_ms = 5000;

export const fetchUrl = tool({
  name: 'fetch_url',
  description: 'Open a web address and read it as text; start continues a long page.',
  input: z.strictObject({
    url: z.string().check(z.maxLength(2000)),
    start: z.optional(z.int().check(z.gte(0))),
  }),
  offer: 'always',
  repeatable: true,
  limit_ms: LIMIT_ms + 2 * PAGE_ms,
  about: ({ url }) => `open ${url}`,
  // The policy has its own word on addresses: it knows which ones the owner has named.
  policy: ({ url }) => ({ do: 'ask', scope: `open ${url}`, rule: null, grants: { hosts: [], paths: [] } }),
  run: (call, hands) => read(call, hands),
});

async function read(
  call: Call<{ url: string; start?: number | undefined }>,
  { ctx, egress, allowed, signal }: Hands,
): Promise<Result> {
  const { url, start = 0 } = call.input;
  const late = AbortSignal.timeout(LIMIT_ms);
  const response = await egress.fetch(url, {
    hosts: allowed.hosts,
    private: ownAmong(ctx.config.lan_hosts, allowed.hosts),
    signal: AbortSignal.any([signal, late]),
    most_bytes: MOST_bytes + 1,
    headers: { accept: 'text/html, text/plain;q=0.9, */*;q=0.5' },
    behalf: { action: 'fetch_url', payload: `tool_call ${call.id}`, turn_id: call.turn_id },
  });
  const all = Buffer.from(await response.arrayBuffer());
  const bytes = all.subarray(0, MOST_bytes);
  const type = (response.headers.get('content-type') ?? '').toLowerCase();
  const source = `web ${response.url || url}`;
  const head = [
    ...(response.redirected ? [`redirected to ${response.url}`] : []),
    ...(response.ok ? [] : [`HTTP ${response.status}`]),
    ...(all.length > MOST_bytes ? [`cut at ${MOST_bytes / 2 ** 20} MB`] : []),
  ];
  const told = (words: string, more: Result['content'] = []): Result => ({
    content: [{ type: 'text', text: untrusted(source, [...head, words].join('\n')) }, ...more],
    source,
    failed: !response.ok,
  });

  const kind = kindOf(bytes);
  if (kind) {
    if (all.length > MOST_bytes) return { ...told(`[${kind.mime}, too large to be shown]`), failed: true };
    const name = `${call.id}.${kind.ending}`;
    const path = await keepCopy(call, ctx.home, name, bytes);
    const file = { type: 'file' as const, path, name, mime: kind.mime };
    return told(`[${kind.mime}, ${bytes.length} bytes, kept as ${path}]`, [file]);
  }
  if (bytes.subarray(0, 4096).includes(0) && !/charset=utf-?16/.test(type)) {
    return {
      ...told(`[${type || 'of no type'}, ${bytes.length} bytes: nothing that can be read]`),
      failed: true,
    };
  }
  const written = decoded(bytes, type);
  const isPage = /html/.test(type) || (type === '' && /^\s*<(!doctype html|html)/i.test(written));
  const text = isPage ? await pageOf(written, response.url || url, signal) : written.trim();
  return told(piece(text, start));
}

/** By the server's word, the page's own, UTF-8 if it is that, else as browsers do: windows-1252. */
function decoded(bytes: Uint8Array, type: string): string {
  const page = Buffer.from(bytes.subarray(0, 2048)).toString('latin1');
  const named =
    /charset=["']?([\w-]+)/i.exec(type)?.[1] ?? /<meta[^>]+charset=["']?([\w-]+)/i.exec(page)?.[1];
  for (const [label, fatal] of [
    [named, false],
    ['utf-8', true],
    ['windows-1252', false],
  ] as const) {
    if (label === undefined) continue;
    try {
      return new TextDecoder(label, { fatal }).decode(bytes);
    } catch (error) {
      // A charset that there is not, or bytes that are no UTF-8: the next one.
      if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    }
  }
  return '';
}

/** In a thread of its own: a hostile page of 2 MB takes a minute to be read, and nobody else shall wait for it. */
async function pageOf(html: string, base: string, signal: AbortSignal): Promise<string> {
  const { Worker } = await import('node:worker_threads');
  const file = import.meta.filename.endsWith('.ts') ? 'page.ts' : 'tools-page.cjs';
  const worker = new Worker(join(dirname(import.meta.filename), file), {
    workerData: { html, base },
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PAGE_ms)]);
  try {
    return await new Promise<string>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      limit.addEventListener(
        'abort',
        () => reject(new Error(`${base}: this page cannot be made into text`)),
        {
          once: true,
        },
      );
    });
  } finally {
    await worker.terminate();
  }
}

/** From `start`, as much as a result holds; where it goes on is said. */
function piece(text: string, start: number): string {
  if (start > 0 && start >= text.length)
    return `[nothing from ${start} on: it has ${text.length} characters]`;
  let end = Math.min(text.length, start + PIECE_bytes);
  while (Buffer.byteLength(text.slice(start, end)) > PIECE_bytes) end -= Math.ceil((end - start) / 10);
  // Never through the middle of a character.
  if (end < text.length && /[\uDC00-\uDFFF]/.test(text[end] ?? '')) end--;
  const shown = text.slice(start, end).toWellFormed() || '[an empty page]';
  return end < text.length
    ? `${shown}\n[characters ${start} to ${end} of ${text.length}; go on with start = ${end}]`
    : shown;
}
