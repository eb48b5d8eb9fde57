/**
 * A request to the Anthropic Messages API, judged as strictly as the real API judges it: whoever rehearses against
 * this must not meet a 400 for the first time in production. Shapes come first, in the order in which the API reports
 * them, then unknown fields, then the rules between fields, then what the named model refuses.
 * Sources: @anthropic-ai/sdk 1.12.0, resources/messages/messages.d.ts; Claude Platform Docs, "Create a Message",
 * "Errors", "Handling tool calls", "Mid-conversation system messages", "Model deprecations", "Migrating to API version
 * 2026-10-21"; the API's own replies as quoted in public issue reports.
 */

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { ApiError } from './error.ts';
import {
  checkFields,
  countTokensShape,
  type Dialect,
  type MessagesRequest,
  messagesShape,
  versions,
} from './request-fields.ts';
import { checkModel, checkPrompt, checkThinking } from './request-rules.ts';
import { refuse } from './shape.ts';

export type Endpoint = 'messages' | 'count_tokens' | 'models';

const max_body_bytes = 32 * 1024 * 1024;

const endpoints: Record<string, { endpoint: Endpoint; method: string }> = {
  '/v1/messages': { endpoint: 'messages', method: 'POST' },
  '/v1/messages/count_tokens': { endpoint: 'count_tokens', method: 'POST' },
  '/v1/models': { endpoint: 'models', method: 'GET' },
};

/** What a request line asks for: 404 for a path nobody serves, 405 for the wrong method on one that is served. */
export function endpointOf(method = '', url = ''): Endpoint {
  const found = endpoints[url.split('?', 1)[0] ?? ''];
  if (!found) throw new ApiError('not_found_error', 'Not found');
  if (found.method !== method) {
    throw new ApiError('invalid_request_error', 'Method Not Allowed', {
      status: 405,
      headers: { allow: found.method },
    });
  }
  return found.endpoint;
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
export async function readBody(request: IncomingMessage): Promise<{ body: unknown; body_bytes: number }> {
  const chunks: Buffer[] = [];
  let body_bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    body_bytes += chunk.length;
    if (body_bytes <= max_body_bytes) chunks.push(chunk);
    else chunks.length = 0;
  }
  if (body_bytes > max_body_bytes) {
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
