/** The provider's own count of a request's tokens, which is free: for a request that its bytes alone would refuse. */

import type { IncomingHttpHeaders } from 'node:http';
import { httpFetch } from '#shared/base/fetch.ts';
import type { Provider } from './provider.ts';

/** What POST /v1/messages/count_tokens knows nothing of (Claude Platform Docs, "Token counting"). */
const NOT_COUNTED = [
  'max_tokens',
  'stream',
  'metadata',
  'stop_sequences',
  'temperature',
  'top_p',
  'top_k',
  'service_tier',
  'container',
  'inference_geo',
  'diagnostics',
];

const PATIENCE_ms = 10_000;

const fetch = httpFetch();

/** null when the provider cannot, or does not, count. */
export async function counted(
  provider: Provider,
  key: string,
  model: string,
  request: Record<string, unknown>,
  from: IncomingHttpHeaders,
): Promise<number | null> {
  const body: Record<string, unknown> = { ...request, model };
  for (const field of NOT_COUNTED) delete body[field];
  const headers: Record<string, string> = { 'content-type': 'application/json', 'x-api-key': key };
  for (const name of ['anthropic-version', 'anthropic-beta']) {
    if (from[name] !== undefined) headers[name] = String(from[name]);
  }
  try {
    const answer = await fetch(`${provider.url.href.replace(/\/$/, '')}/v1/messages/count_tokens`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_ms),
    });
    const { input_tokens } = (await answer.json()) as { input_tokens?: unknown };
    return answer.ok && Number.isSafeInteger(input_tokens) ? (input_tokens as number) : null;
  } catch {
    // Then the bound of the bytes stands, and the refusal says what it asks for.
    return null;
  }
}
