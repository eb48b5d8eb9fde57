/**
 * An error as the Anthropic Messages API speaks it: a type, the HTTP status that belongs to the type, a sentence, and
 * where a program should branch on the cause a `details.error_code`. Thrown wherever a request cannot be answered and
 * turned into the one envelope at the edge.
 * Source of types and statuses: Claude Platform Docs, "Errors"; @anthropic-ai/sdk, resources/shared.d.ts.
 */

const statuses = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  conflict_error: 409,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
} as const;

export type ErrorType = keyof typeof statuses;

export function isErrorType(word: string): word is ErrorType {
  return Object.hasOwn(statuses, word);
}

/** The type that an error of this status has. */
export function errorTypeOf(status: number): ErrorType {
  const found = Object.entries(statuses).find(([, known]) => known === status)?.[0];
  if (found !== undefined && isErrorType(found)) return found;
  return status === 408 ? 'timeout_error' : status >= 500 ? 'api_error' : 'invalid_request_error';
}

export type ErrorEnvelope = {
  type: 'error';
  error: { type: ErrorType; message: string; details?: { error_code: string } };
  request_id: string;
};

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly type: ErrorType;
  readonly status: number;
  /** The cause, for those 429s that look alike and must be treated differently. */
  readonly error_code: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    type: ErrorType,
    message: string,
    how: { status?: number; error_code?: string; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.type = type;
    this.status = how.status ?? statuses[type];
    this.error_code = how.error_code;
    this.headers = how.headers ?? {};
  }

  envelope(request_id: string): ErrorEnvelope {
    const { type, message, error_code } = this;
    const error = error_code === undefined ? { type, message } : { type, message, details: { error_code } };
    return { type: 'error', error, request_id };
  }
}
