/**
 * Reads from an answer, as it passes, what it used and whether it came to its end. It looks at copies: what the client
 * gets are the provider's bytes.
 * Sources: https://platform.claude.com/docs/en/api/messages, "Streaming messages"; @anthropic-ai/sdk 1.12.0,
 * resources/beta/messages/messages.d.ts (BetaUsage, BetaIterationsUsage).
 */

import type { Usage } from '#shared/tables/call.ts';
import { type Price, sum_nanousd, type Terms } from './price.ts';

export const NOTHING: Usage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_tokens: 0,
  cache_write_5m_tokens: 0,
  cache_write_1h_tokens: 0,
  web_searches: 0,
};

/** `usage` as the Messages API gives it. */
type ApiUsage = {
  input_tokens?: number | null;
  output_tokens?: number | null;
  cache_read_input_tokens?: number | null;
  cache_creation_input_tokens?: number | null;
  cache_creation?: { ephemeral_5m_input_tokens?: number; ephemeral_1h_input_tokens?: number } | null;
  server_tool_use?: { web_search_requests?: number } | null;
  iterations?: (ApiUsage & { model?: string | null })[] | null;
  service_tier?: string | null;
  inference_geo?: string | null;
  speed?: string | null;
};

/** What is known so far, brought up to date by what the API says now; what it leaves out stays. */
export function updated(known: Usage, said: ApiUsage | null | undefined): Usage {
  if (!said) return known;
  const split = said.cache_creation;
  const written = whole(said.cache_creation_input_tokens);
  // The last event of a stream gives the sum alone: what was written for an hour is then known from the first.
  const hour =
    whole(split?.ephemeral_1h_input_tokens) ??
    (written === undefined ? known.cache_write_1h_tokens : Math.min(written, known.cache_write_1h_tokens));
  return {
    input_tokens: whole(said.input_tokens) ?? known.input_tokens,
    output_tokens: whole(said.output_tokens) ?? known.output_tokens,
    cache_read_tokens: whole(said.cache_read_input_tokens) ?? known.cache_read_tokens,
    cache_write_5m_tokens:
      whole(split?.ephemeral_5m_input_tokens) ??
      (written === undefined ? known.cache_write_5m_tokens : Math.max(0, written - hour)),
    cache_write_1h_tokens: hour,
    web_searches: whole(said.server_tool_use?.web_search_requests) ?? known.web_searches,
  };
}

/** A provider's nonsense must not become the ledger's: what is no count was not said. */
function whole(count: unknown): number | undefined {
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined;
}

const word = (said: unknown): string | null => (typeof said === 'string' ? said : null);

export type Reading = {
  /** The totals, which leave out what server-side compaction used. */
  usage: Usage;
  /** The parts of the bill, each at the price of its model (null: that of the answer), when the API lists them. */
  iterations: { model: string | null; usage: Usage }[] | null;
  /** The model that answers, by the provider's name for it. */
  model: string | null;
  stop_reason: string | null;
  /** The terms that the provider says it answered on. */
  terms: Terms;
  /** The provider has begun to answer, so that the input is paid for. */
  begun: boolean;
  /** Something came that a second answer would repeat: until then a failure can be kept from the client. */
  content: boolean;
  /** The answer came to its end: `message_stop`, or the whole JSON body. */
  complete: boolean;
  /** The type of the error that the stream itself reported. */
  error_type: string | null;
  /** What should be JSON is none. */
  malformed: boolean;
  /** Bytes of the events of content, which is at least as many as its tokens. */
  content_bytes: number;
  /** Inside a block whose content may be held back or omitted: thinking, or the input of a tool. */
  hidden: boolean;
  /** The provider has run a tool, a compaction or another model, whose input is told at the end alone. */
  looped: boolean;
};

export function unread(): Reading {
  return {
    usage: NOTHING,
    iterations: null,
    model: null,
    stop_reason: null,
    terms: {},
    begun: false,
    content: false,
    complete: false,
    error_type: null,
    malformed: false,
    content_bytes: 0,
    hidden: false,
    looped: false,
  };
}

/** What a whole answer used, in sum, and what that costs. `price` is that of the model that was asked. */
export function billed(
  price: Price,
  reading: Reading,
  priceOfModel: (model: string) => Price | undefined,
): { usage: Usage; cost_nanousd: number } {
  if (!reading.iterations) {
    const { usage } = reading;
    return { usage, cost_nanousd: sum_nanousd([{ price, usage }], reading.terms) };
  }
  // Searches are told in the totals alone.
  const { web_searches } = reading.usage;
  const parts = reading.iterations.map(({ model, usage }) => ({
    price: (model !== null && model !== reading.model && priceOfModel(model)) || price,
    usage,
  }));
  parts.push({ price, usage: { ...NOTHING, web_searches } });
  const usage = parts.reduce((sum, part) => added(sum, part.usage), NOTHING);
  return { usage, cost_nanousd: sum_nanousd(parts, reading.terms) };
}

export function added(one: Usage, other: Usage): Usage {
  return {
    input_tokens: one.input_tokens + other.input_tokens,
    output_tokens: one.output_tokens + other.output_tokens,
    cache_read_tokens: one.cache_read_tokens + other.cache_read_tokens,
    cache_write_5m_tokens: one.cache_write_5m_tokens + other.cache_write_5m_tokens,
    cache_write_1h_tokens: one.cache_write_1h_tokens + other.cache_write_1h_tokens,
    web_searches: one.web_searches + other.web_searches,
  };
}

/** No model writes more before it hears that nobody reads: it is paid for, and was on its way. */
const UNSEEN_tokens = 1000;

/**
 * The most that a stream used that began and broke off; null when its input is not known either. No token is shorter
 * than a byte: of text, of a tool's input, of a signature, which encrypts the whole of its thinking; and the event that
 * opens a block is longer than what the block itself costs.
 */
export function brokenUsage(reading: Reading, max_tokens: number): Usage | null {
  if (reading.stop_reason !== null) return reading.usage;
  if (reading.looped) return null;
  // A provider that ends its stream itself, with an error, has said all that it wrote.
  const unseen = reading.error_type === null ? UNSEEN_tokens : 0;
  const output = reading.hidden ? max_tokens : Math.min(reading.content_bytes + unseen, max_tokens);
  return { ...reading.usage, output_tokens: Math.max(reading.usage.output_tokens, output) };
}

const RETURN = 13;
const SPACE = 32;
const SMALL_D = 100;
const CLOSING_BRACE = 125;

/** Follows a stream of server-sent events: feed it the chunks as they come, cut anywhere. */
export function streamReader(reading: Reading): (chunk: Buffer) => void {
  let rest = '';
  return (chunk) => {
    // A character to a byte, so that a cut inside a UTF-8 sequence is none here, and a length is a count of bytes.
    const text = chunk.toString('latin1');
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      if (rest === '') follow(reading, text, from, end);
      else {
        const line = rest + text.slice(from, end);
        rest = '';
        follow(reading, line, 0, line.length);
      }
      from = end + 1;
    }
    if (from < text.length) rest += text.slice(from);
  };
}

/** One line of the stream, which is `text` from `from` to before `end`. */
function follow(reading: Reading, text: string, from: number, end: number): void {
  if (text.charCodeAt(from) !== SMALL_D || !text.startsWith('data:', from)) return;
  const start = text.charCodeAt(from + 5) === SPACE ? from + 6 : from + 5;
  const stop = text.charCodeAt(end - 1) === RETURN ? end - 1 : end;
  if (stop <= start || reading.complete) return;
  // Nearly every event is a piece of content, and only its size matters: parsing it would be most of the work.
  if (
    text.startsWith('{"type":"content_block_delta"', start) ||
    text.startsWith('{"type": "content_block_delta"', start)
  ) {
    reading.content = true;
    reading.content_bytes += stop - start;
    if (text.charCodeAt(stop - 1) !== CLOSING_BRACE) reading.malformed = true;
    return;
  }
  const event = parsed(Buffer.from(text.slice(start, stop), 'latin1'));
  if (event === null) reading.malformed = true;
  else take(reading, event, stop - start);
}

function take(reading: Reading, event: ApiEvent, bytes: number): void {
  if (event.type === 'message_start') {
    reading.begun = true;
    takeMessage(reading, event.message);
  } else if (event.type === 'content_block_start') {
    const block = event.content_block?.type;
    reading.content = true;
    reading.content_bytes += bytes;
    reading.hidden = block !== 'text';
    if (!PLAIN_BLOCKS.has(block)) reading.looped = true;
  } else if (event.type === 'content_block_delta') {
    reading.content = true;
    reading.content_bytes += bytes;
  } else if (event.type === 'content_block_stop') {
    reading.hidden = false;
  } else if (event.type === 'message_delta') {
    reading.content = true;
    takeMessage(reading, { ...event.delta, usage: event.usage });
  } else if (event.type === 'message_stop') {
    reading.content = true;
    reading.complete = true;
  } else if (event.type === 'error') {
    reading.error_type = word(event.error?.type) ?? 'error';
  }
}

/** What the model itself writes, in one go. */
const PLAIN_BLOCKS = new Set<string | undefined>(['text', 'thinking', 'redacted_thinking', 'tool_use']);

function takeMessage(reading: Reading, said: ApiMessage | undefined): void {
  const usage = said?.usage;
  reading.usage = updated(reading.usage, usage);
  reading.model = word(said?.model) ?? reading.model;
  reading.stop_reason = word(said?.stop_reason) ?? reading.stop_reason;
  if (usage?.service_tier === 'batch') reading.terms.batch = true;
  if (usage?.inference_geo === 'us') reading.terms.us = true;
  if (usage?.speed === 'fast') reading.terms.fast = true;
  if (Array.isArray(usage?.iterations) && usage.iterations.length > 0) {
    reading.iterations = usage.iterations.map((part) => ({
      model: word(part?.model),
      usage: updated(NOTHING, part),
    }));
  }
}

/** Reads a whole JSON answer. */
export function readWhole(body: Buffer): Reading {
  const reading = unread();
  const message = parsed(body);
  if (message === null) return { ...reading, malformed: true };
  takeMessage(reading, message);
  const complete = message.type === 'message';
  return {
    ...reading,
    complete,
    begun: complete,
    content: complete,
    error_type: word(message.error?.type),
    content_bytes: body.length,
  };
}

/** Reads a whole answer to a request for vectors (OpenAI API, "Create embeddings"). */
export function readVectors(body: Buffer): Reading {
  const reading = unread();
  const answer = parsed<VectorsAnswer>(body);
  if (answer === null) return { ...reading, malformed: true };
  const complete = Array.isArray(answer.data);
  return {
    ...reading,
    usage: { ...NOTHING, input_tokens: whole(answer.usage?.prompt_tokens) ?? 0 },
    model: word(answer.model),
    complete,
    begun: complete,
    content: complete,
    error_type: word(answer.error?.type),
    content_bytes: body.length,
  };
}

type VectorsAnswer = {
  data?: unknown;
  model?: unknown;
  usage?: { prompt_tokens?: unknown } | null;
  error?: { type?: string };
};

type ApiMessage = { model?: string; stop_reason?: string | null; usage?: ApiUsage | null | undefined };

type ApiEvent = ApiMessage & {
  type?: string;
  message?: ApiMessage;
  delta?: ApiMessage;
  content_block?: { type?: string };
  error?: { type?: string };
};

/** Null for what is no JSON object: a provider's nonsense is passed on as it is, and never throws here. */
function parsed<Answer extends object = ApiEvent>(json: Buffer): Answer | null {
  try {
    const value: unknown = JSON.parse(json.toString('utf8'));
    return typeof value === 'object' && !Array.isArray(value) ? (value as Answer | null) : null;
  } catch {
    return null;
  }
}
