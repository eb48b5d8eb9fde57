/** The ways in which a Messages API fails its callers, which of them strikes a call, and how. */

import { type ServerResponse, STATUS_CODES } from 'node:http';
import { frame } from '#shared/messages/answer.ts';
import { ApiError, type ErrorType, errorTypeOf, isErrorType } from '#shared/messages/error.ts';
import type { Endpoint } from '#shared/messages/request.ts';
import { pause } from './messages-latency.ts';

/**
 * Beside these, the name of an error type answers with that error at once.
 * - `status`: the HTTP status in `status`, in the API's envelope, or with `html` as a proxy's page.
 * - `reset`: the connection is reset before any header. `hang`: nothing ever comes, not even headers.
 * - `stall`: silence after `after_events` events; with 0 of them, silence after the headers.
 * - `cut`: the connection ends in the middle; with `after_events: 1`, before the first content.
 * - `early_end`: the answer ends as if all were well, but without message_stop, or with half of its JSON.
 * - `error_event`: an `overloaded_error` inside the stream. `malformed`: an event, or a body, that is no JSON.
 * - `drip`: the right bytes, a few at a time, so that events arrive in pieces.
 * - `huge`: an answer with `huge_bytes` of text, whatever max_tokens says.
 * An answer in one JSON body counts as two events. Of the endpoints beside messages, an error, `reset` and `hang` strike
 * before anything is done, and `cut` after it is done.
 */
const connectionFaults = [
  'status',
  'reset',
  'hang',
  'stall',
  'cut',
  'early_end',
  'error_event',
  'malformed',
  'drip',
  'huge',
] as const;

export type FaultKind = ErrorType | (typeof connectionFaults)[number];

export type Fault = {
  kind: FaultKind;
  /** Strikes this many calls. Without it, and without `probability`, every call until it is cleared. */
  calls?: number;
  probability?: number;
  /** Strikes calls for this model only. */
  model?: string;
  /** Strikes calls of this endpoint; by default 'messages'. */
  endpoint?: Endpoint;
  /** By default 4 of a stream, after the first piece of text, and 1 of a plain answer, in its middle. */
  after_events?: number;
  drip_bytes?: number;
  drip_ms?: number;
  /** By default 64 MB. */
  huge_bytes?: number;
  status?: number;
  html?: boolean;
  retry_after_s?: number;
  /** For a 429: 'enforced_spend_limit_reached' lasts, and is not to be retried. */
  error_code?: string;
  message?: string;
};

const messages: Partial<Record<ErrorType, string>> = {
  authentication_error: 'invalid x-api-key',
  api_error: 'Internal server error',
  billing_error: 'Your credit balance is too low to access the Anthropic API.',
  overloaded_error: 'Overloaded',
  conflict_error: 'The request conflicts with the current state of the resource.',
  invalid_request_error: 'Invalid request',
  permission_error: 'Your API key does not have permission to use the specified resource.',
  request_too_large: 'Request exceeds the maximum size',
  rate_limit_error: 'This request would exceed the rate limit for your organization of requests per minute.',
  timeout_error: 'Request timed out.',
};

/** The error that a fault answers with; undefined for one that strikes the connection instead. */
export function errorOf(fault: Fault, model: string): ApiError | undefined {
  const { status, message, error_code, retry_after_s } = fault;
  const kind = status !== undefined && fault.kind === 'status' ? errorTypeOf(status) : fault.kind;
  if (!isErrorType(kind)) return undefined;
  const words =
    kind === 'not_found_error'
      ? `model: ${model}`
      : error_code === 'enforced_spend_limit_reached'
        ? 'You have reached your API usage limits: your organization has crossed its monthly API usage threshold.'
        : (messages[kind] ?? kind);
  return new ApiError(kind, message ?? words, {
    ...(status === undefined ? {} : { status }),
    ...(error_code === undefined ? {} : { error_code }),
    headers: retry_after_s === undefined ? {} : { 'retry-after': String(retry_after_s) },
  });
}

/** The faults that are set, first set first: the first that fits a call strikes it. */
export function faultBook(random: () => number) {
  let faults: Fault[] = [];
  return {
    set(fault: Fault): void {
      if (!isErrorType(fault.kind) && !connectionFaults.includes(fault.kind)) {
        throw new Error(
          `no fault is called '${fault.kind}': expected an error type, ${connectionFaults.join(', ')}`,
        );
      }
      if (fault.kind === 'status' && !((fault.status ?? 0) >= 400 && (fault.status ?? 0) <= 599)) {
        throw new Error(`a fault of kind 'status' has a status from 400 to 599, got ${fault.status}`);
      }
      faults.push({ ...fault });
    },
    clear(): void {
      faults = [];
    },
    strike(endpoint: Endpoint, model?: string): Fault | undefined {
      if (faults.length === 0) return undefined;
      const found = faults.find(
        (fault) =>
          (fault.endpoint ?? 'messages') === endpoint &&
          (fault.model === undefined || fault.model === model) &&
          (fault.probability === undefined || random() < fault.probability),
      );
      if (found?.calls !== undefined) {
        found.calls -= 1;
        if (found.calls <= 0) faults = faults.filter((fault) => fault !== found);
      }
      return found;
    },
  };
}

/** Responses that this side broke off, so that the log does not blame the client. */
const broken = new WeakSet<ServerResponse>();

export function wasCut(response: ServerResponse): boolean {
  return broken.has(response);
}

/** Ends the connection after what was written has left. */
export function cut(response: ServerResponse): void {
  broken.add(response);
  response.socket?.destroySoon();
}

/** An error as a proxy before the API says it: a page, without the API's headers. */
export function sendPage(response: ServerResponse, status: number): void {
  const title = `${status} ${STATUS_CODES[status] ?? ''}`;
  response.writeHead(status, { 'content-type': 'text/html' });
  response.end(`<html>\n<head><title>${title}</title></head>\n<body><h1>${title}</h1></body>\n</html>\n`);
}

/** What a `huge` answer says: words of 64 kB, each an event of its own. */
export function hugeText({ huge_bytes = 64 * 1024 * 1024 }: Fault): string {
  return `${'x'.repeat(65_535)} `.repeat(Math.ceil(huge_bytes / 65_536)).slice(0, huge_bytes);
}

/** Does what the fault says, at the point of the answer that was reached. */
export function strike(
  response: ServerResponse,
  fault: Fault,
  answer: { request_id: string; stream: boolean },
): void | Promise<void> {
  switch (fault.kind) {
    case 'reset':
      broken.add(response);
      response.socket?.resetAndDestroy();
      return;
    case 'hang':
      return pause(response, Number.POSITIVE_INFINITY);
    case 'stall':
      response.flushHeaders();
      return pause(response, Number.POSITIVE_INFINITY);
    case 'cut':
      response.flushHeaders();
      return cut(response);
    case 'error_event':
      response.write(frame(new ApiError('overloaded_error', 'Overloaded').envelope(answer.request_id)));
      break;
    case 'malformed':
      response.write(
        answer.stream
          ? 'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":\n\n'
          : 'upstream connect error',
      );
      break;
  }
  response.end();
}

/** Sends `words` a few bytes at a time. False once the reader is gone. */
export async function drip(response: ServerResponse, words: string, fault: Fault): Promise<boolean> {
  const { drip_bytes = 7, drip_ms = 1 } = fault;
  const bytes = Buffer.from(words);
  for (let at = 0; at < bytes.length; at += drip_bytes) {
    if (response.destroyed) return false;
    response.write(bytes.subarray(at, at + drip_bytes));
    await pause(response, drip_ms);
  }
  return true;
}
