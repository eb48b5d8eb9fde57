/**
 * A request to the Anthropic Messages API, judged as strictly as the real API judges it: whoever rehearses against
 * this must not meet a 400 for the first time in production. Shapes come first, in the order in which the API reports
 * them, then unknown fields, then the rules between fields, then what the named model refuses.
 * Sources: @anthropic-ai/sdk 1.12.0, resources/messages/messages.d.ts; Claude Platform Docs, "Create a Message",
 * "Errors", "Batch processing", "Handling tool calls", "Mid-conversation system messages", "Model deprecations", "Migrating to API version
 * 2026-10-21"; the API's own replies as quoted in public issue reports.
 */

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { ApiError } from './error.ts';
import {
  type BatchRequest,
  batchShape,
  checkFields,
  countTokensShape,
  type Dialect,
  type MessagesRequest,
  messagesShape,
  versions,
} from './request-fields.ts';
import { checkModel, checkPrompt, checkThinking } from './request-rules.ts';
import { refuse } from './shape.ts';

export type Endpoint =
  | 'messages'
  | 'count_tokens'
  | 'models'
  | 'model'
  | 'batch.create'
  | 'batch.list'
  | 'batch.retrieve'
  | 'batch.delete'
  | 'batch.cancel'
  | 'batch.results';

const max_body_bytes = 32 * 1024 * 1024;
export const max_batch_bytes = 256 * 1024 * 1024;

const id = '([^/]+)';
const endpoints: readonly { endpoint: Endpoint; method: string; path: RegExp }[] = (
  [
    ['messages', 'POST', '/messages'],
    ['count_tokens', 'POST', '/messages/count_tokens'],
    ['models', 'GET', '/models'],
    ['model', 'GET', `/models/${id}`],
    ['batch.create', 'POST', '/messages/batches'],
    ['batch.list', 'GET', '/messages/batches'],
    ['batch.retrieve', 'GET', `/messages/batches/${id}`],
    ['batch.delete', 'DELETE', `/messages/batches/${id}`],
    ['batch.cancel', 'POST', `/messages/batches/${id}/cancel`],
    ['batch.results', 'GET', `/messages/batches/${id}/results`],
  ] as const
).map(([endpoint, method, path]) => ({ endpoint, method, path: new RegExp(`^/v1${path}$`) }));

/**
 * What a request line asks for, and the id in its path: 404 for a path nobody serves, 405 for the wrong method on one
 * that is served.
 */
export function endpointOf(method = '', url = ''): { endpoint: Endpoint; id: string } {
  const path = url.split('?', 1)[0] ?? '';
  const allow: string[] = [];
  for (const known of endpoints) {
    const found = known.path.exec(path);
    if (found && known.method === method) return { endpoint: known.endpoint, id: found[1] ?? '' };
    if (found) allow.push(known.method);
  }
  if (allow.length === 0) throw new ApiError('not_found_error', 'Not found');
  throw new ApiError('invalid_request_error', 'Method Not Allowed', {
    status: 405,
    headers: { allow: allow.join(', ') },
  });
}

/** The key a request carries: the SDKs send it as a bearer token since 1.0, older clients as x-api-key. */
export function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const key = headers['x-api-key'];
  if (typeof key === 'string' && key !== '') return key;
  return /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}

export function checkKey(headers: IncomingHttpHeaders, isValid: (key: string) => boolean): void {
  const key = keyOf(headers);
  if (key === undefined) throw new ApiError('authentication_error', 'x-api-key header is required');
  if (isValid(key)) return;
  const how = headers['x-api-key'] === key ? 'invalid x-api-key' : 'Invalid bearer token';
  throw new ApiError('authentication_error', how);
}

export function dialectOf(headers: IncomingHttpHeaders): Dialect {
  const named = headers['anthropic-version'];
  if (named === undefined) refuse('anthropic-version: header is required');
  const version = versions.find((known) => known === named);
  if (!version) refuse(`anthropic-version: "${named}" is not a valid version`);
  const betas = [headers['anthropic-beta'] ?? []].flat().join(',').split(',');
  return { version, betas: betas.map((beta) => beta.trim()).filter((beta) => beta !== '') };
}

/**
 * The JSON body. One that is too large is read to its end and dropped, because a client that is still sending would
 * see a reset connection instead of the 413.
 */
export async function readBody(
  request: IncomingMessage,
  max_bytes = max_body_bytes,
): Promise<{ body: unknown; body_bytes: number }> {
  const chunks: Buffer[] = [];
  let body_bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    body_bytes += chunk.length;
    if (body_bytes <= max_bytes) chunks.push(chunk);
    else chunks.length = 0;
  }
  if (body_bytes > max_bytes) {
    throw new ApiError('request_too_large', 'Request exceeds the maximum size');
  }
  try {
    return { body: JSON.parse(Buffer.concat(chunks).toString('utf8')), body_bytes };
  } catch (error) {
    refuse(`The request body is not valid JSON: ${(error as Error).message}`);
  }
}

/** The body of POST /v1/messages, or an `ApiError` with what is wrong with it. */
export function checkMessages(body: unknown, dialect: Dialect): MessagesRequest {
  const request = checkFields(messagesShape, body, dialect);
  checkPrompt(request, dialect);
  if (request.stop_sequences?.some((sequence) => sequence.trim() === '')) {
    refuse('stop_sequences: each stop sequence must contain non-whitespace');
  }
  checkThinking(request);
  checkModel(request);
  return request;
}

/** The body of POST /v1/messages/count_tokens, or an `ApiError` with what is wrong with it. */
export function checkCountTokens(body: unknown, dialect: Dialect): Omit<MessagesRequest, 'max_tokens'> {
  const request = checkFields(countTokensShape, body, dialect);
  checkPrompt(request, dialect);
  checkModel(request);
  return request;
}

/** The body of POST /v1/messages/batches. What each request asks is judged only when its turn comes. */
export function checkBatch(body: unknown): BatchRequest[] {
  batchShape(body, '');
  const { requests } = body as { requests: BatchRequest[] };
  const seen = new Set<string>();
  for (const [index, { custom_id }] of requests.entries()) {
    if (seen.has(custom_id))
      refuse(`requests.${index}.custom_id: custom_id must be unique, got '${custom_id}' twice`);
    seen.add(custom_id);
  }
  return requests;
}
