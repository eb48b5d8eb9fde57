/** The ways in which a Messages API fails its callers, which of them strikes a call, and how. */

import type { ServerResponse } from 'node:http';
import { frame } from '#shared/messages/answer.ts';
import { ApiError, type ErrorType, isErrorType } from '#shared/messages/error.ts';
import { pause } from './messages-latency.ts';

/**
 * Beside these, the name of an error type answers with that error at once.
 * - `reset`: the connection is reset before any header. `hang`: nothing ever comes, not even headers.
 * - `stall`: silence after `after_events` events; with 0 of them, silence after the headers.
 * - `cut`: the connection ends in the middle; with `after_events: 1`, before the first content.
 * - `early_end`: the stream ends as if all were well, but without message_stop.
 * - `error_event`: an `overloaded_error` inside the stream. `malformed`: an event that is no JSON.
 * - `drip`: the right bytes, a few at a time, so that events arrive in pieces.
 * An answer in one JSON body counts as two events.
 */
const streamFaults = [
  'reset',
  'hang',
  'stall',
  'cut',
  'early_end',
  'error_event',
  'malformed',
  'drip',
] as const;

export type FaultKind = ErrorType | (typeof streamFaults)[number];

export type Fault = {
  kind: FaultKind;
  /** Strikes this many calls. Without it, and without `probability`, every call until it is cleared. */
  calls?: number;
  probability?: number;
  /** Strikes calls for this model only. */
  model?: string;
  /** By default 4: after the first piece of text. */
  after_events?: number;
  drip_bytes?: number;
  drip_ms?: number;
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
  permission_error: 'Your API key does not have permission to use the specified resource.',
  rate_limit_error: 'This request would exceed the rate limit for your organization of requests per minute.',
  timeout_error: 'Request timed out.',
};

/** The error that a fault answers with; undefined for one that strikes the connection instead. */
export function errorOf(fault: Fault, model: string): ApiError | undefined {
  const { kind, message, error_code, retry_after_s } = fault;
  if (!isErrorType(kind)) return undefined;
  const words =
    kind === 'not_found_error'
      ? `model: ${model}`
      : error_code === 'enforced_spend_limit_reached'
        ? 'You have reached your API usage limits: your organization has crossed its monthly API usage threshold.'
        : (messages[kind] ?? kind);
  return new ApiError(kind, message ?? words, {
    ...(error_code === undefined ? {} : { error_code }),
    headers: retry_after_s === undefined ? {} : { 'retry-after': String(retry_after_s) },
  });
}

/** The faults that are set, first set first: the first that fits a call strikes it. */
export function faultBook(random: () => number) {
  let faults: Fault[] = [];
  return {
    set(fault: Fault): void {
      if (!isErrorType(fault.kind) && !streamFaults.includes(fault.kind)) {
        throw new Error(
          `no fault is called '${fault.kind}': expected an error type, ${streamFaults.join(', ')}`,
        );
      }
      faults.push({ ...fault });
    },
    clear(): void {
      faults = [];
    },
    strike(model: string): Fault | undefined {
      const found = faults.find(
        (fault) =>
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

/** Does what the fault says, at the point of the answer that was reached. */
export function strike(response: ServerResponse, fault: Fault, request_id: string): void | Promise<void> {
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
      response.write(frame(new ApiError('overloaded_error', 'Overloaded').envelope(request_id)));
      break;
    case 'malformed':
      response.write(
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":\n\n',
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
