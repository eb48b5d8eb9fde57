/**
 * What a Chat Completions server says when it refuses, as an error of the Messages API: the type by its code where the
 * code is plain, else by the status; the sentence is the provider's own.
 * Sources: OpenAI API docs, "Error codes"; llama.cpp, tools/server (exceed_context_size_error, unavailable_error); vLLM,
 * entrypoints/openai (ErrorResponse).
 */

import { ApiError, type ErrorType } from '#shared/messages/error.ts';
import { isObject } from '#shared/messages/shape.ts';

const byCode: Record<string, ErrorType> = {
  billing_hard_limit_reached: 'rate_limit_error',
  billing_not_active: 'rate_limit_error',
  context_length_exceeded: 'invalid_request_error',
  exceed_context_size_error: 'invalid_request_error',
  insufficient_quota: 'rate_limit_error',
  invalid_api_key: 'authentication_error',
  model_not_found: 'not_found_error',
  unavailable_error: 'overloaded_error',
};

const byStatus: Record<number, ErrorType> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

/** No money is left: these last until a person acts, whatever a retry-after may say. */
const spent = /^(insufficient_quota|billing_hard_limit_reached|billing_not_active)$/;

/** vLLM has no code for it, only this sentence. */
const tooLong = /context_length_exceeded|exceed_context_size_error|maximum context length/;

const longest_message = 2000;

export function errorFromChat(status: number, body: string): ApiError {
  const { message, codes } = read(body);
  const type = codes.flatMap((code) => byCode[code] ?? [])[0] ?? typeOf(status, codes);
  const said = message || `the provider answered ${status} and gave no reason`;
  if (codes.some((code) => spent.test(code))) {
    return new ApiError(type, said, { error_code: 'enforced_spend_limit_reached' });
  }
  // Clients that shorten a conversation when it no longer fits wait for Anthropic's words.
  const unfit = type === 'invalid_request_error' && tooLong.test([...codes, message].join(' '));
  return new ApiError(type, unfit ? `prompt is too long: ${said}` : said);
}

/** The error that stands inside an answer or a stream, where no status tells what it is. */
export function errorWithin(said: Record<string, unknown>): ApiError {
  const { code } = isObject(said.error) ? said.error : said;
  const status = Number(code);
  return errorFromChat(status >= 400 && status < 600 ? status : 500, JSON.stringify(said));
}

function typeOf(status: number, codes: string[]): ErrorType {
  // In a stream, with no status of its own; with a 413 the same code means that waiting does not help.
  if (status >= 500 && codes.includes('rate_limit_exceeded')) return 'rate_limit_error';
  return byStatus[status] ?? (status >= 400 && status < 500 ? 'invalid_request_error' : 'api_error');
}

/** Envelopes differ: `{error: {…}}`, `{error: "…"}`, the bare error, FastAPI's `{detail}`, a list of one; or plain text. */
function read(body: string): { message: string; codes: string[] } {
  let said: unknown;
  try {
    said = JSON.parse(body);
  } catch {
    return { message: body.trim().slice(0, longest_message), codes: [] };
  }
  const outer = Array.isArray(said) ? said[0] : said;
  const error = isObject(outer) && outer.error ? outer.error : outer;
  if (!isObject(error)) return { message: typeof error === 'string' ? error : '', codes: [] };
  const words = error.message ?? error.detail ?? '';
  const message = typeof words === 'string' ? words : JSON.stringify(words);
  const codes = [error.code, error.type].filter((code) => typeof code === 'string');
  return { message: message.slice(0, longest_message), codes };
}
