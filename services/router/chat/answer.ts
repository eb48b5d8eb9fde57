/**
 * A chat completion, said in the words of the Messages API; and the parts of it that a stream says the same way.
 * Nothing here trusts the sender: the servers that speak this API differ in all that its documentation leaves open.
 * Sources: openai-node, resources/chat/completions; vLLM, entrypoints/openai (stop_reason, reasoning_content).
 */

import type { StopReason, ToolUseBlock, Usage } from '@anthropic-ai/sdk/resources/messages';
import { type AnswerBlock, message, newId, text, usageOf } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import { isObject } from '#shared/messages/shape.ts';
import { errorWithin } from './error.ts';

type Json = Record<string, unknown>;

export function fromChat(completion: unknown, model: string): Json {
  const whole = isObject(completion) ? completion : {};
  if (whole.error) throw errorWithin(whole);
  const choice = firstChoice(whole);
  if (!choice || !isObject(choice.message)) {
    const got = JSON.stringify(completion)?.slice(0, 200);
    throw new ApiError(
      'api_error',
      `${model}: expected a chat completion with choices[0].message, got ${got}`,
    );
  }
  if (choice.finish_reason === 'error') throw errorWithin(choice);
  const said = choice.message;
  const taken = new Set<string>();
  const calls = callsOf(said).map((call) => toolUseOf(call, taken));
  const refusal = wordsOf(said.refusal);
  const thinking = reasoningOf(said);
  const words = wordsOf(said.content) + refusal;
  const content: AnswerBlock[] = [
    ...(thinking === '' ? [] : [{ type: 'thinking' as const, thinking, signature: '' }]),
    ...(words === '' ? [] : [text(words)]),
    ...calls,
  ];
  const answer = message({
    model: modelOf(whole) ?? model,
    content,
    ...stopOf(choice, refusal !== '', calls.length > 0),
    usage: usageFrom(whole.usage),
  });
  return { ...answer, id: idOf(whole) };
}

/** False when the server did not say what the answer used: its bill is then an estimate. No prompt has no tokens. */
export function usageKnown(usage: unknown): boolean {
  return isObject(usage) && count(usage.prompt_tokens) > 0;
}

/** `prompt_tokens` holds the cached ones, which the Messages API counts apart. OpenAI charges for writes since GPT-5.6. */
export function usageFrom(usage: unknown): Usage {
  const said = isObject(usage) ? usage : {};
  const prompt = isObject(said.prompt_tokens_details) ? said.prompt_tokens_details : {};
  const completion = isObject(said.completion_tokens_details) ? said.completion_tokens_details : {};
  const read = count(prompt.cached_tokens);
  const written = count(prompt.cache_write_tokens);
  return usageOf({
    input_tokens: Math.max(0, count(said.prompt_tokens) - read - written),
    cache_read_input_tokens: read,
    cache_creation_input_tokens: written,
    cache_creation: null,
    output_tokens: count(said.completion_tokens),
    output_tokens_details: { thinking_tokens: count(completion.reasoning_tokens) },
    inference_geo: null,
    service_tier: null,
  });
}

function count(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.floor(value) : 0;
}

export function idOf({ id }: Json): string {
  return typeof id === 'string' && id !== '' ? id : newId('msg');
}

export function modelOf({ model }: Json): string | undefined {
  return typeof model === 'string' && model !== '' ? model : undefined;
}

export function firstChoice({ choices }: Json): Json | undefined {
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  return isObject(choice) ? choice : undefined;
}

/** A string, or parts of which only the text is words. */
export function wordsOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => (isObject(part) && typeof part.text === 'string' ? part.text : '')).join('');
}

/** vLLM, DeepSeek and llama.cpp call it reasoning_content; Groq, OpenRouter and newer vLLM call it reasoning. */
export function reasoningOf(said: Json): string {
  return wordsOf(said.reasoning_content) || wordsOf(said.reasoning);
}

/** A tool call, or the piece of one that a stream brings. */
export type Call = { index: number; id: string; name: string; arguments: string };

export function callsOf(said: Json): Call[] {
  const calls: unknown[] = Array.isArray(said.tool_calls)
    ? said.tool_calls
    : isObject(said.function_call)
      ? [{ function: said.function_call }]
      : [];
  return calls.filter(isObject).map((call, position) => {
    const called = isObject(call.function) ? call.function : {};
    return {
      index: typeof call.index === 'number' ? call.index : position,
      id: wordsOf(call.id),
      name: wordsOf(called.name),
      // Ollama and others have sent the object itself.
      arguments: isObject(called.arguments) ? JSON.stringify(called.arguments) : wordsOf(called.arguments),
    };
  });
}

/**
 * An id that the Messages API would refuse in the next request, or that two calls share, is replaced. Arguments that
 * are no JSON object are kept word for word as `INVALID_JSON`, the name that Anthropic's documentation of fine-grained
 * tool streaming gives them: the tool refuses them and the model reads its mistake, whereas an empty input could run.
 */
export function toolUseOf(call: Call, taken: Set<string>): ToolUseBlock {
  const fit = /^[a-zA-Z0-9_-]+$/.test(call.id) && !taken.has(call.id);
  const id = fit ? call.id : newId('toolu');
  taken.add(id);
  return {
    type: 'tool_use',
    id,
    name: call.name,
    input: inputOf(call.arguments),
    caller: { type: 'direct' },
  };
}

function inputOf(json: string): Json {
  if (json.trim() === '') return {};
  try {
    const input: unknown = JSON.parse(json);
    if (isObject(input)) return input;
  } catch {
    // Told below, as every other value that is no object.
  }
  return { INVALID_JSON: json };
}

/** Many servers say `stop` when they mean tool_calls, and OpenAI does so itself when the tool was forced. */
export function stopOf(
  choice: Json,
  refused: boolean,
  called: boolean,
): { stop_reason: StopReason; stop_sequence?: string } {
  if (choice.finish_reason === 'length') return { stop_reason: 'max_tokens' };
  if (choice.finish_reason === 'content_filter' || refused) return { stop_reason: 'refusal' };
  if (called) return { stop_reason: 'tool_use' };
  // vLLM alone tells which sequence it was; elsewhere it looks like the end of the turn.
  const { stop_reason } = choice;
  return typeof stop_reason === 'string'
    ? { stop_reason: 'stop_sequence', stop_sequence: stop_reason }
    : { stop_reason: 'end_turn' };
}
