/** How a provider is spoken to: the Messages API as it is, or Chat Completions, translated both ways; vectors as OpenAI has them. */

import type { OutgoingHttpHeaders } from 'node:http';
import { ApiError } from '#shared/messages/error.ts';
import { fromChat } from './chat/answer.ts';
import { errorFromChat } from './chat/error.ts';
import { toChat } from './chat/request.ts';
import { type ChatStream, chatStream } from './chat/stream.ts';
import type { Provider } from './provider.ts';
import { type Reading, readVectors } from './usage.ts';

export type Wire = {
  path: string;
  headers: OutgoingHttpHeaders;
  body: Buffer;
  /** A whole answer, or a refusal, as the Messages API would have given it. */
  answer(status: number, body: Buffer): Buffer;
  /** Translates a stream chunk by chunk; null: it is passed as it is. */
  stream: (() => ChatStream) | null;
  /** Reads what `answer` gave; left out, that is a message. */
  read?: (answer: Buffer) => Reading;
};

/** The Messages API: bytes pass as they are. The key goes in the header in which the client gave its own. */
export function anthropic(key: string, path: string, body: Buffer, headers: OutgoingHttpHeaders): Wire {
  return {
    path,
    headers: { ...headers, 'x-api-key': key, 'content-length': body.length },
    body,
    answer: (_status, answer) => answer,
    stream: null,
  };
}

/** @throws ApiError for what Chat Completions cannot express */
export function chat(
  provider: Provider,
  key: string,
  model: string,
  request: Record<string, unknown>,
  request_id: string,
): Wire {
  const body = Buffer.from(
    JSON.stringify(toChat(request, model, { max_tokens_field: provider.max_tokens_field })),
  );
  return {
    path: '/chat/completions',
    headers: headersOf(key, body),
    body,
    answer(status, answer) {
      if (status >= 300) return refusalOf(status, answer, request_id);
      try {
        return Buffer.from(JSON.stringify(fromChat(JSON.parse(answer.toString('utf8')), model)));
      } catch {
        // No JSON, so no answer: passed on as it is, it is told apart there.
        return answer;
      }
    },
    stream: () => chatStream(model, request_id),
  };
}

/** Vectors, in OpenAI's form on both sides; a refusal has the envelope of all others. */
export function vectors(key: string, body: Buffer, request_id: string): Wire {
  return {
    path: '/embeddings',
    headers: headersOf(key, body),
    body,
    answer: (status, answer) => (status >= 300 ? refusalOf(status, answer, request_id) : answer),
    stream: null,
    read: readVectors,
  };
}

function headersOf(key: string, body: Buffer): OutgoingHttpHeaders {
  return {
    'content-type': 'application/json',
    'content-length': body.length,
    ...(key === 'none' ? {} : { authorization: `Bearer ${key}` }),
  };
}

function refusalOf(status: number, answer: Buffer, request_id: string): Buffer {
  const { type, message, error_code } = errorFromChat(status, answer.toString('utf8'));
  const error = new ApiError(type, message, error_code === undefined ? {} : { error_code });
  return Buffer.from(JSON.stringify(error.envelope(request_id)));
}
