/**
 * An answer of the Messages API, written as the real one writes it: one JSON message, or the sequence of server-sent
 * events that adds up to it. The types are the SDK's, so that a field it promises cannot be forgotten here.
 * Source: @anthropic-ai/sdk 1.12.0, resources/messages/messages.d.ts; Claude Platform Docs, "Streaming messages".
 */

import { randomUUID } from 'node:crypto';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type {
  ContentBlock,
  Message,
  RawContentBlockDelta,
  RawMessageStreamEvent,
  StopReason,
  TextBlock,
  ThinkingBlock,
  ToolUseBlock,
  Usage,
} from '@anthropic-ai/sdk/resources/messages';
import type { ModelInfo } from '@anthropic-ai/sdk/resources/models';
import type { ApiError, ErrorEnvelope } from './error.ts';

export type AnswerBlock = TextBlock | ThinkingBlock | ToolUseBlock;

export type Answer = {
  model: string;
  content: readonly AnswerBlock[];
  stop_reason: StopReason;
  stop_sequence?: string;
  usage: Usage;
};

export type StreamEvent = RawMessageStreamEvent | { type: 'ping' } | ErrorEnvelope;

export function text(text: string): TextBlock {
  return { type: 'text', text, citations: null };
}

export function toolUse(name: string, input: unknown): ToolUseBlock {
  return { type: 'tool_use', id: newId('toolu'), name, input, caller: { type: 'direct' } };
}

/** An id in the API's manner: `msg_01…`, `req_01…`, `toolu_01…`. */
export function newId(kind: 'msg' | 'msgbatch' | 'req' | 'toolu'): string {
  return `${kind}_01${randomUUID().replaceAll('-', '').slice(0, 22)}`;
}

/** All that `usage` says, from what is known of it. */
export function usageOf(known: Pick<Usage, 'input_tokens' | 'output_tokens'> & Partial<Usage>): Usage {
  return {
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    inference_geo: 'global',
    output_tokens_details: null,
    server_tool_use: null,
    service_tier: 'standard',
    speed: null,
    ...known,
  };
}

/** An estimate where nothing can count: four bytes of UTF-8 to a token. */
export function tokensOf(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4);
}

/** As much of `text` as `max_tokens` hold by that estimate. */
export function withinTokens(text: string, max_tokens: number): string {
  if (tokensOf(text) <= max_tokens) return text;
  // A cut in the middle of a character leaves a replacement character behind, which the model never wrote.
  return Buffer.from(text)
    .subarray(0, max_tokens * 4)
    .toString()
    .replace(/\uFFFD$/, '');
}

/** The JSON answer. */
export function message(answer: Answer): Message {
  const { model, content, stop_reason, stop_sequence = null, usage } = answer;
  return {
    id: newId('msg'),
    type: 'message',
    role: 'assistant',
    model,
    content: [...content],
    stop_reason,
    stop_sequence,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage,
  };
}

/** The same answer as a stream of events. `usage` is cumulative: what message_start said of the output is overtaken. */
export function* events(answer: Answer): Generator<StreamEvent> {
  const whole = message(answer);
  const { usage } = whole;
  yield {
    type: 'message_start',
    message: {
      ...whole,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { ...usage, output_tokens: Math.min(1, usage.output_tokens) },
    },
  };
  for (const [index, block] of answer.content.entries()) {
    yield { type: 'content_block_start', index, content_block: emptied(block) };
    if (index === 0) yield { type: 'ping' };
    for (const delta of deltas(block)) yield { type: 'content_block_delta', index, delta };
    yield { type: 'content_block_stop', index };
  }
  yield {
    type: 'message_delta',
    delta: {
      stop_reason: whole.stop_reason,
      stop_sequence: whole.stop_sequence,
      stop_details: null,
      container: null,
    },
    usage: {
      input_tokens: usage.input_tokens,
      cache_creation_input_tokens: usage.cache_creation_input_tokens,
      cache_read_input_tokens: usage.cache_read_input_tokens,
      output_tokens: usage.output_tokens,
      output_tokens_details: usage.output_tokens_details,
      server_tool_use: usage.server_tool_use,
    },
  };
  yield { type: 'message_stop' };
}

function emptied(block: AnswerBlock): ContentBlock {
  if (block.type === 'text') return { ...block, text: '' };
  if (block.type === 'thinking') return { ...block, thinking: '', signature: '' };
  return { ...block, input: {} };
}

function* deltas(block: AnswerBlock): Generator<RawContentBlockDelta> {
  if (block.type === 'text') {
    for (const text of words(block.text)) yield { type: 'text_delta', text };
  } else if (block.type === 'thinking') {
    for (const thinking of words(block.thinking)) yield { type: 'thinking_delta', thinking };
    yield { type: 'signature_delta', signature: block.signature };
  } else {
    yield { type: 'input_json_delta', partial_json: '' };
    const json = JSON.stringify(block.input);
    for (const partial_json of json.match(/.{1,16}/gsu) ?? [])
      yield { type: 'input_json_delta', partial_json };
  }
}

/** A text in pieces of one word, each with the white space before it. */
function words(text: string): string[] {
  return text.match(/\s*\S+|\s+/g) ?? [];
}

export function frame(event: StreamEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

export const streamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
} as const;

/** Writes no faster than the reader reads. False once the reader is gone. */
export async function send(response: ServerResponse, chunk: string): Promise<boolean> {
  if (response.destroyed) return false;
  if (response.write(chunk)) return true;
  await new Promise<void>((resolve) => {
    const settle = () => {
      response.off('drain', settle);
      response.off('close', settle);
      resolve();
    };
    response.on('drain', settle);
    response.on('close', settle);
  });
  return !response.destroyed;
}

/** A model of which nothing but its name is told (@anthropic-ai/sdk 1.12.0, resources/models.d.ts). */
export function modelInfo(id: string, display_name: string): ModelInfo {
  return {
    type: 'model',
    id,
    display_name,
    created_at: '2026-01-01T00:00:00Z',
    capabilities: null,
    lifecycle: 'active',
    deprecated_at: null,
    retires_at: null,
    line: null,
    max_input_tokens: null,
    max_tokens: null,
  };
}

/** As much of a ServerResponse as an answer in one piece takes. */
export type Whole = {
  writeHead(status: number, headers: OutgoingHttpHeaders): unknown;
  end(body: string): unknown;
};

export function sendJson(response: Whole, status: number, body: unknown, headers = {}): void {
  const json = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(json),
    ...headers,
  });
  response.end(json);
}

export function sendError(response: Whole, error: ApiError, request_id: string, headers = {}): void {
  sendJson(response, error.status, error.envelope(request_id), {
    ...headers,
    ...error.headers,
    'request-id': request_id,
  });
}

/** The whole answer, in the form the request asked for. */
export async function sendAnswer(
  response: ServerResponse,
  answer: Answer,
  how: { stream: boolean; headers: Record<string, string> },
): Promise<void> {
  if (!how.stream) return sendJson(response, 200, message(answer), how.headers);
  response.writeHead(200, { ...streamHeaders, ...how.headers });
  for (const event of events(answer)) {
    if (!(await send(response, frame(event)))) return;
  }
  response.end();
}
