/** What the model behind the Chat Completions test server says, whole and in chunks, each with the bill up to it. */

import { tokensOf, withinTokens } from '#shared/messages/answer.ts';
import type { ChatRequest } from './chat-rules.ts';
import type { Billed, Piece } from './messages-bill.ts';

export type ChatUsage = {
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
  cache_write_tokens: number;
  reasoning_tokens: number;
};

export type ChatReply =
  | string
  | {
      reasoning?: string;
      text?: string;
      refusal?: string;
      /** `arguments` as the model wrote them; pieces of several calls are sent interleaved. */
      tools?: readonly { name: string; arguments: string }[];
      finish_reason?: string;
      /** What is not given is estimated; null: the server tells no usage, and charges nothing. */
      usage?: Partial<ChatUsage> | null;
      delay_ms?: number;
    };

/** `call` counts from 1. A `ChatError` that it throws is the answer. */
export type ChatScript = (request: ChatRequest, call: number) => ChatReply | Promise<ChatReply>;

/** The last thing said. */
export function heardInChat({ messages }: ChatRequest): string {
  const content: unknown = messages.at(-1)?.content;
  if (typeof content === 'string') return content;
  const parts: { text?: string }[] = Array.isArray(content) ? content : [];
  return parts.flatMap(({ text }) => text ?? []).join('\n');
}

export type ChatAnswer = {
  id: string;
  model: string;
  reasoning: string;
  text: string;
  refusal: string | null;
  calls: { id: string; name: string; arguments: string }[];
  finish_reason: string;
  usage: ChatUsage | null;
};

export function composeChat(request: ChatRequest, reply: Exclude<ChatReply, string>, id: string): ChatAnswer {
  const limit = Number(request.max_completion_tokens ?? request.max_tokens ?? Number.MAX_SAFE_INTEGER);
  const reasoning = withinTokens(reply.reasoning ?? '', limit);
  const text = withinTokens(reply.text ?? '', Math.max(0, limit - tokensOf(reasoning)));
  const full = text === (reply.text ?? '') && reasoning === (reply.reasoning ?? '');
  const calls = (reply.tools ?? []).map((tool, index) => ({ id: `call_${id.slice(9)}_${index}`, ...tool }));
  const said = [
    reasoning,
    text,
    reply.refusal ?? '',
    ...calls.map((call) => call.name + call.arguments),
  ].join('');
  const usage = {
    prompt_tokens: tokensOf(JSON.stringify(request.messages)),
    completion_tokens: Math.min(limit, tokensOf(said)),
    cached_tokens: 0,
    cache_write_tokens: 0,
    reasoning_tokens: tokensOf(reasoning),
    ...reply.usage,
  };
  return {
    id,
    model: request.model,
    reasoning,
    text,
    refusal: reply.refusal ?? null,
    calls,
    finish_reason: reply.finish_reason ?? (!full ? 'length' : calls.length > 0 ? 'tool_calls' : 'stop'),
    usage: reply.usage === null ? null : usage,
  };
}

function usageOf({
  prompt_tokens,
  completion_tokens,
  cached_tokens,
  cache_write_tokens,
  reasoning_tokens,
}: ChatUsage) {
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    prompt_tokens_details: { cached_tokens, cache_write_tokens },
    completion_tokens_details: { reasoning_tokens },
  };
}

/** In the words in which the Messages API bills, so that a ledger is compared with one sum. */
function billOf(usage: ChatUsage | null, share: number): Billed {
  return {
    input_tokens: usage ? usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens : 0,
    output_tokens: usage ? Math.ceil(usage.completion_tokens * share) : 0,
    cache_creation_input_tokens: usage?.cache_write_tokens ?? 0,
    ephemeral_5m_input_tokens: usage?.cache_write_tokens ?? 0,
    ephemeral_1h_input_tokens: 0,
    web_search_requests: 0,
    cache_read_input_tokens: usage?.cached_tokens ?? 0,
  };
}

/** The JSON answer in two halves, so that a fault can strike between them. */
export function wholeChat(answer: ChatAnswer): Piece[] {
  const { id, model, reasoning, text, refusal, calls, finish_reason, usage } = answer;
  const message = {
    role: 'assistant',
    content: text === '' && (calls.length > 0 || refusal !== null) ? null : text,
    refusal,
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0
      ? {}
      : { tool_calls: calls.map(({ id, ...called }) => ({ id, type: 'function', function: called })) }),
  };
  const json = JSON.stringify({
    id,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model,
    choices: [{ index: 0, message, logprobs: null, finish_reason }],
    ...(usage ? { usage: usageOf(usage) } : {}),
  });
  const billed = billOf(usage, 1);
  const middle = json.indexOf('"', json.length >> 1);
  return [
    { text: json.slice(0, middle), chunks: 1, billed },
    { text: json.slice(middle), chunks: 0, billed },
  ];
}

/** The stream. The usage comes in a last chunk of its own, without choices, and only to those who asked for it. */
export function streamedChat(answer: ChatAnswer, include_usage: boolean): Piece[] {
  const { id, model, finish_reason, usage } = answer;
  const head = { id, object: 'chat.completion.chunk', created: Math.floor(Date.now() / 1000), model };
  const chunk = (delta: object, finish: string | null = null) => ({
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    ...(include_usage ? { usage: null } : {}),
  });
  const told = deltas(answer).map((delta) => chunk(delta));
  const chunks: object[] = [chunk({ role: 'assistant', content: '' }), ...told, chunk({}, finish_reason)];
  const pieces = chunks.map((said, index) => ({
    text: `data: ${JSON.stringify(said)}\n\n`,
    chunks: 1,
    billed: billOf(usage, Math.min(1, index / told.length || 0)),
  }));
  const billed = billOf(usage, 1);
  if (include_usage && usage) {
    const last = { ...head, choices: [], usage: usageOf(usage) };
    pieces.push({ text: `data: ${JSON.stringify(last)}\n\n`, chunks: 0, billed });
  }
  return [...pieces, { text: 'data: [DONE]\n\n', chunks: 0, billed }];
}

function deltas({ reasoning, text, refusal, calls }: ChatAnswer): object[] {
  const words = (said: string) => said.match(/\s*\S+|\s+/g) ?? [];
  const pieces = calls.map((call) => call.arguments.match(/.{1,8}/gsu) ?? []);
  const rounds = Math.max(0, ...pieces.map((piece) => piece.length));
  return [
    ...words(reasoning).map((reasoning_content) => ({ reasoning_content })),
    ...words(text).map((content) => ({ content })),
    ...words(refusal ?? '').map((refusal) => ({ refusal })),
    ...calls.map(({ id, name }, index) => ({
      tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }],
    })),
    ...Array.from({ length: rounds }, (_, round) =>
      pieces.flatMap((piece, index) =>
        piece[round] === undefined
          ? []
          : [{ tool_calls: [{ index, function: { arguments: piece[round] } }] }],
      ),
    ).flat(),
  ];
}
