/** An answer in the pieces in which it is sent, each with what the provider has charged for once it is out. */

import type { Usage } from '@anthropic-ai/sdk/resources/messages';
import { events, frame, message, type StreamEvent, usageOf } from '#shared/messages/answer.ts';
import type { MessagesRequest } from '#shared/messages/request-fields.ts';
import { ttlsOf } from './messages-cache.ts';
import type { Composed } from './messages-script.ts';

export const nothing = {
  input_tokens: 0,
  output_tokens: 0,
  /** The sum of the two below. */
  cache_creation_input_tokens: 0,
  ephemeral_5m_input_tokens: 0,
  ephemeral_1h_input_tokens: 0,
  cache_read_input_tokens: 0,
  web_search_requests: 0,
};

export type Billed = typeof nothing;

export const billedFields = Object.keys(nothing) as readonly (keyof Billed)[];

/** What was generated once these bytes are sent; none for thinking that is not shown. `chunks` is what takes time. */
export type Piece = { text: string; chunks: number; billed: Billed };

export function billOf(usage: Usage): Billed {
  return {
    input_tokens: usage.input_tokens,
    output_tokens: usage.output_tokens,
    cache_creation_input_tokens: usage.cache_creation_input_tokens ?? 0,
    ephemeral_5m_input_tokens: usage.cache_creation?.ephemeral_5m_input_tokens ?? 0,
    ephemeral_1h_input_tokens: usage.cache_creation?.ephemeral_1h_input_tokens ?? 0,
    cache_read_input_tokens: usage.cache_read_input_tokens ?? 0,
    web_search_requests: usage.server_tool_use?.web_search_requests ?? 0,
  };
}

/**
 * A stream: what is billed after a delta is its share of the whole output, and never more tokens than bytes, but for
 * the one token that message_start announces.
 */
export function streamed(answer: Composed): Piece[] {
  const all = [...events(answer)];
  const { hidden } = answer;
  const full = billOf(answer.usage);
  const total = full.output_tokens;
  const length = all.reduce((sum, event) => sum + generated(event), Buffer.byteLength(hidden));
  const pieces: Piece[] = [];
  let done = 0;
  const add = (text: string, chunks: number, bytes: number, complete = false) => {
    done += bytes;
    const share = complete ? total : Math.ceil((total * done) / Math.max(1, length));
    const output_tokens = Math.max(share, Math.min(1, total));
    pieces.push({ text, chunks, billed: { ...full, output_tokens } });
  };
  let unseen = hidden;
  for (const event of all) {
    const delta = event.type === 'content_block_delta';
    if (delta && event.delta.type === 'signature_delta') {
      for (const part of unseen.match(/.{1,16}/gsu) ?? []) add('', 1, Buffer.byteLength(part));
      unseen = '';
    }
    const complete = event.type === 'message_delta' || event.type === 'message_stop';
    add(frame(event), delta ? 1 : 0, generated(event), complete);
  }
  return pieces;
}

/** Bytes of content in an event: what the model wrote. */
function generated(event: StreamEvent): number {
  if (event.type === 'content_block_start') {
    const { content_block: block } = event;
    return block.type === 'tool_use' ? Buffer.byteLength(block.name) : 0;
  }
  if (event.type !== 'content_block_delta') return 0;
  const { delta } = event;
  if (delta.type === 'text_delta') return Buffer.byteLength(delta.text);
  if (delta.type === 'thinking_delta') return Buffer.byteLength(delta.thinking);
  return delta.type === 'input_json_delta' ? Buffer.byteLength(delta.partial_json) : 0;
}

/**
 * A JSON answer: generated unseen, step by step where that takes time, then sent in two halves, so that a fault can
 * strike between them.
 */
export function whole(answer: Composed, timed: boolean): Piece[] {
  const json = JSON.stringify(message(answer));
  // At a quote, because a string cut inside a surrogate pair would lose the character.
  const middle = json.indexOf('"', json.length >> 1);
  const billed = billOf(answer.usage);
  const steps = timed ? streamed(answer).filter(({ chunks }) => chunks > 0) : [];
  return [
    ...steps.map((step) => ({ ...step, text: '' })),
    { text: '', chunks: 0, billed },
    { text: json.slice(0, middle), chunks: 0, billed },
    { text: json.slice(middle), chunks: 0, billed },
  ];
}

/**
 * Usage as no estimate foresees it, within what is physically possible: a token is at least a byte, of the prompt
 * without its base64 data and of the content generated, and max_tokens holds. One call in three is exactly the maximum
 * of both. The input is split over what the request marks to be cached.
 */
export function randomUsage(
  random: () => number,
  { request, body_bytes, answer }: { request: MessagesRequest; body_bytes: number; answer: Composed },
): Usage {
  const full = random() < 1 / 3;
  const upTo = (most: number) => (full || most < 1 ? most : 1 + Math.floor(random() * most));
  const input = upTo(body_bytes - base64Bytes(request.messages));
  const { thinking, all } = contentBytes(answer);
  const output_tokens = upTo(Math.min(request.max_tokens, all));

  const ttls = ttlsOf(request);
  const shares = [1, ttls.has('5m') ? 1 : 0, ttls.has('1h') ? 1 : 0, ttls.size > 0 ? 1 : 0].map(
    (possible) => possible * random(),
  );
  const sum = shares.reduce((total, share) => total + share, 0);
  const [, written_5m = 0, written_1h = 0, read = 0] = shares.map((share) =>
    Math.floor((input * share) / Math.max(sum, Number.MIN_VALUE)),
  );
  return usageOf({
    input_tokens: input - written_5m - written_1h - read,
    cache_creation_input_tokens: written_5m + written_1h,
    cache_creation: { ephemeral_5m_input_tokens: written_5m, ephemeral_1h_input_tokens: written_1h },
    cache_read_input_tokens: read,
    output_tokens,
    output_tokens_details: { thinking_tokens: Math.floor((output_tokens * thinking) / Math.max(1, all)) },
  });
}

function contentBytes({ content, hidden }: Composed): { thinking: number; all: number } {
  let thinking = Buffer.byteLength(hidden);
  let said = 0;
  for (const block of content) {
    if (block.type === 'thinking') thinking += Buffer.byteLength(block.thinking);
    else if (block.type === 'text') said += Buffer.byteLength(block.text);
    else said += Buffer.byteLength(block.name) + Buffer.byteLength(JSON.stringify(block.input));
  }
  return { thinking, all: thinking + said };
}

function base64Bytes(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  if ('type' in value && value.type === 'base64' && 'data' in value && typeof value.data === 'string') {
    return value.data.length;
  }
  return Object.values(value).reduce((sum: number, inner) => sum + base64Bytes(inner), 0);
}
