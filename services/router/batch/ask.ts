/** The provider's side of a batch: what it says of it, and the results as they come. */

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { httpFetch } from '#shared/base/fetch.ts';
import { ApiError } from '#shared/messages/error.ts';
import type { Open } from '#shared/tables/batch.ts';
import type { Account, Provider } from '../provider.ts';
import { keyOf, nextKey, type Router } from '../request.ts';
import type { Target } from '../route.ts';
import { attempt, type Ending, watch } from '../upstream.ts';
import { anthropic } from '../wire.ts';

export const BATCHES = '/v1/messages/batches';

const PATIENCE_ms = 60_000;

/** A MessageBatch, as far as the router reads it (@anthropic-ai/sdk 1.12.0, resources/messages/batches.d.ts). */
export type Info = {
  id: string;
  processing_status: string;
  created_at: string;
  ended_at: string | null;
  archived_at: string | null;
  results_url: string | null;
  request_counts: Record<string, number>;
};

/** Where the batches of one organisation go. `model`: all models of one, for the ledger. */
export function targetOf(provider: Provider, account: Account, model = ''): Target {
  const organisation = provider.accounts.length > 1 ? `/${account.organisation}` : '';
  return { name: `${provider.name}/batches${organisation}`, provider, account, model, weight: 1 };
}

/** Where a batch went. @throws ApiError when the config has no such provider any more */
export function homeOf({ routes }: Router, row: Open): Target {
  const provider = routes.providers.get(row.provider);
  const account = provider?.accounts.find(({ organisation }) => organisation === row.organisation);
  if (provider && account) return targetOf(provider, account);
  throw new ApiError(
    'not_found_error',
    `router: the batch is at ${row.provider} (${row.organisation}), which is not in the config any more`,
  );
}

type Question = {
  method: string;
  path: string;
  headers: OutgoingHttpHeaders;
  body?: Buffer;
  left_ms?: number;
};

/**
 * One request; whether the client stays to hear the answer makes no difference to it. A key that is refused has done
 * nothing: the organisation's next one is tried.
 */
export async function ask(router: Router, target: Target, question: Question): Promise<Ending> {
  const { method, path, headers, body = Buffer.alloc(0), left_ms = PATIENCE_ms } = question;
  for (;;) {
    const key = keyOf(router, target);
    const ending = await attempt({
      provider: target.provider,
      method,
      wire: anthropic(target.account.keys[key] ?? '', path, body, headers),
      expect: 'json',
      streams: false,
      idle_ms: router.idle_ms,
      left_ms,
      clock: router.clock,
      outgoing: null,
      signal: router.signal,
      headers: {},
      record: false,
    });
    if (!nextKey(router, target, key, ending.status)) return ending;
  }
}

const keyIn = (router: Router, target: Target) => target.account.keys[keyOf(router, target)] ?? '';

export function jsonIn({ outcome, body }: Ending): Record<string, unknown> | null {
  if (outcome !== 'ok' || !body) return null;
  try {
    const json: unknown = JSON.parse(body.toString('utf8'));
    return typeof json === 'object' ? (json as Record<string, unknown> | null) : null;
  } catch {
    // Whoever asked says what to do about an answer that is none.
    return null;
  }
}

export function infoIn(ending: Ending): Info | null {
  const json = jsonIn(ending) as Partial<Info> | null;
  return typeof json?.id === 'string' && json.request_counts ? (json as Info) : null;
}

export const requestsIn = ({ request_counts }: Info) =>
  Object.values(request_counts).reduce((sum, count) => sum + count, 0);

/** The headers of a later request about it, on the terms of its submission. */
export function headersOf(row: Open): OutgoingHttpHeaders {
  return JSON.parse(row.headers_json);
}

/** What failed, in a few words. */
export function causeOf({ error, status, error_type, outcome }: Ending): string {
  return error?.message ?? [status, error_type ?? outcome].join(' ');
}

export type Download = { status: number; headers: IncomingHttpHeaders; chunks: AsyncIterable<Buffer> };

/** The results, which may be as large as they like: no more of them is in memory than a chunk. */
export async function download(
  router: Router,
  target: Target,
  path: string,
  headers: OutgoingHttpHeaders,
  left?: AbortSignal,
): Promise<Download> {
  const { url, socketPath } = target.provider;
  const quiet = new AbortController();
  const silence = watch(PATIENCE_ms, () =>
    quiet.abort(new ApiError('timeout_error', `it said nothing for ${PATIENCE_ms / 1000} s`)),
  );
  const fetch = httpFetch(socketPath ? { socketPath } : {});
  silence.heard();
  try {
    const answer = await fetch(url.href.replace(/\/$/, '') + path, {
      headers: { ...headers, 'x-api-key': keyIn(router, target) } as Record<string, string>,
      signal: AbortSignal.any([router.signal, quiet.signal, ...(left ? [left] : [])]),
    });
    return {
      status: answer.status,
      headers: Object.fromEntries(answer.headers.entries()),
      chunks: attended(answer.body as unknown as AsyncIterable<Buffer>, silence),
    };
  } catch (error) {
    silence.end();
    throw error;
  }
}

/** How long the reader takes says nothing about the provider. */
async function* attended(
  chunks: AsyncIterable<Buffer>,
  silence: ReturnType<typeof watch>,
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of chunks) {
      silence.end();
      yield chunk;
      silence.heard();
    }
  } finally {
    silence.end();
  }
}
