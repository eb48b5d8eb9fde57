/**
 * Reads from an answer, as it passes, what it used and whether it came to its end. It looks at copies: what the client
 * gets are the provider's bytes.
 */

import type { Usage } from '#shared/tables/call.ts';

export const NOTHING: Usage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_tokens: 0,
  cache_write_5m_tokens: 0,
  cache_write_1h_tokens: 0,
};

/** `usage` as the Messages API gives it (https://docs.claude.com/en/api/messages). */
type ApiUsage = {
  input_tokens?: number | null;
  output_tokens?: number | null;
  cache_read_input_tokens?: number | null;
  cache_creation_input_tokens?: number | null;
  cache_creation?: { ephemeral_5m_input_tokens?: number; ephemeral_1h_input_tokens?: number } | null;
};

/** What is known so far, brought up to date by what the API says now; what it leaves out stays. */
export function updated(known: Usage, said: ApiUsage | null | undefined): Usage {
  if (!said) return known;
  const written = said.cache_creation_input_tokens ?? 0;
  const split = said.cache_creation;
  const hour = split?.ephemeral_1h_input_tokens ?? (written > 0 ? known.cache_write_1h_tokens : 0);
  return {
    input_tokens: said.input_tokens ?? known.input_tokens,
    output_tokens: said.output_tokens ?? known.output_tokens,
    cache_read_tokens: said.cache_read_input_tokens ?? known.cache_read_tokens,
    // The last event of a stream gives the sum alone: what was written for an hour is then known from the first.
    cache_write_5m_tokens:
      split?.ephemeral_5m_input_tokens ??
      (said.cache_creation_input_tokens == null ? known.cache_write_5m_tokens : Math.max(0, written - hour)),
    cache_write_1h_tokens:
      said.cache_creation_input_tokens == null && !split ? known.cache_write_1h_tokens : hour,
  };
}

export type Reading = {
  usage: Usage;
  /** The answer came to its end: `message_stop`, or the whole JSON body. */
  complete: boolean;
  /** The type of the error that the stream itself reported. */
  error_type: string | null;
  /** Bytes of content that came, which is at least as many as its tokens. */
  content_bytes: number;
  /** The provider has begun to answer, so that the input is paid for. */
  begun: boolean;
};

export function unread(): Reading {
  return { usage: NOTHING, complete: false, error_type: null, content_bytes: 0, begun: false };
}

/** Follows a stream of server-sent events: feed it the chunks as they come, cut anywhere. */
export function streamReader(reading: Reading): (chunk: Buffer) => void {
  const decoder = new TextDecoder();
  let rest = '';
  return (chunk) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('data:')) follow(reading, line.slice(5).trim());
  };
}

function follow(reading: Reading, data: string): void {
  // Nearly every event is a piece of content, and only its size matters: parsing it would be most of the work.
  if (/^\{"type": ?"content_block_delta"/.test(data)) {
    reading.content_bytes += Buffer.byteLength(data);
    return;
  }
  const event = parsed(data);
  if (event?.type === 'message_start') {
    reading.begun = true;
    reading.usage = updated(reading.usage, event.message?.usage);
  } else if (event?.type === 'message_delta') {
    reading.usage = updated(reading.usage, event.usage);
  } else if (event?.type === 'message_stop') {
    reading.complete = true;
  } else if (event?.type === 'error') {
    reading.error_type = event.error?.type ?? 'error';
  } else if (event?.type === 'content_block_delta') {
    reading.content_bytes += Buffer.byteLength(data);
  }
}

/** Reads a whole JSON answer. */
export function readWhole(body: Buffer): Reading {
  const message = parsed(body.toString('utf8'));
  const usage = updated(NOTHING, message?.usage);
  return {
    usage,
    complete: message?.type === 'message',
    error_type: message?.error?.type ?? null,
    content_bytes: body.length,
    begun: message?.type === 'message',
  };
}

type ApiEvent = {
  type?: string;
  message?: { usage?: ApiUsage };
  usage?: ApiUsage;
  error?: { type?: string };
};

/** Null for what is not JSON: a provider's nonsense is passed on as it is, and counts as an answer without an end. */
function parsed(text: string): ApiEvent | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
