/**
 * A stream of chat completion chunks, said as the events of the Messages API. Text and reasoning pass as they come.
 * Tool calls are given whole at the end, for their pieces may come interleaved where the Messages API has one block
 * after the other, and only whole can arguments be told that are no JSON. While they gather, pings say that it lives.
 * The end is told only after a finish_reason: what breaks off before it never looks complete.
 * Sources: openai-node, resources/chat/completions; WHATWG HTML, "Server-sent events".
 */

import { type AnswerBlock, frame, message, newId, type StreamEvent, text } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import { isObject } from '#shared/messages/shape.ts';
import {
  type Call,
  callsOf,
  firstChoice,
  idOf,
  modelOf,
  reasoningOf,
  stopOf,
  toolUseOf,
  usageFrom,
  usageKnown,
  wordsOf,
} from './answer.ts';
import { errorWithin } from './error.ts';

export type ChatStream = {
  /** The events that `chunk`, cut anywhere, brings about. */
  feed(chunk: Buffer): string;
  /** The provider closed the stream in order: gives the end that a server without [DONE] left out, if it is due. */
  end(): string;
  /** message_stop was given. */
  readonly finished: boolean;
  /** The provider said what the answer used. */
  readonly usage_known: boolean;
};

const ping = frame({ type: 'ping' });

export function chatStream(model: string, request_id = newId('req')): ChatStream {
  const decoder = new TextDecoder();
  const calls: Call[] = [];
  let rest = '';
  let begun = false;
  let blocks = 0;
  let open: 'text' | 'thinking' | null = null;
  let refused = false;
  let finish: Record<string, unknown> | null = null;
  let usage: unknown;
  let finished = false;
  let failed = false;

  function feed(chunk: Buffer): string {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    let events = '';
    for (const line of lines) {
      if (line.startsWith('data:')) events += follow(line.slice(5).trim());
    }
    const heard = lines.some((line) => line.trim() !== '');
    const quiet = events === '' && heard && begun && !finished && !failed;
    return quiet ? ping : events;
  }

  function follow(data: string): string {
    if (finished || failed || data === '') return '';
    if (data === '[DONE]') return end();
    let said: unknown;
    try {
      said = JSON.parse(data);
    } catch {
      return fail(
        new ApiError('api_error', `${model}: expected JSON in the stream, got ${data.slice(0, 200)}`),
      );
    }
    if (!isObject(said)) return '';
    if (said.error || said.object === 'error') return fail(errorWithin(said));
    // The last word counts: some servers tell the usage so far with every chunk.
    if (isObject(said.usage)) usage = said.usage;
    const choice = firstChoice(said);
    if (!choice) return isObject(said.usage) ? end() : '';
    if (choice.finish_reason === 'error') return fail(errorWithin(choice));
    if (choice.finish_reason) finish = choice;
    return start(said) + tell(isObject(choice.delta) ? choice.delta : {});
  }

  function start(said: Record<string, unknown>): string {
    if (begun) return '';
    begun = true;
    const empty = message({
      model: modelOf(said) ?? model,
      content: [],
      stop_reason: 'end_turn',
      usage: usageFrom(undefined),
    });
    return frame({ type: 'message_start', message: { ...empty, id: idOf(said), stop_reason: null } });
  }

  function tell(delta: Record<string, unknown>): string {
    for (const piece of callsOf(delta)) gather(piece);
    const refusal = wordsOf(delta.refusal);
    if (refusal !== '') refused = true;
    return say('thinking', reasoningOf(delta)) + say('text', wordsOf(delta.content) + refusal);
  }

  /** Pieces of one call share an index; a server that gives every call the same one tells them apart by name and id. */
  function gather(piece: Call): void {
    const known = calls.findLast(({ index }) => index === piece.index);
    if (!known || (piece.name !== '' && piece.id !== '' && known.id !== '' && piece.id !== known.id)) {
      calls.push(piece);
      return;
    }
    known.id ||= piece.id;
    known.name ||= piece.name;
    known.arguments += piece.arguments;
  }

  function say(type: 'text' | 'thinking', words: string): string {
    if (words === '') return '';
    let events = '';
    if (open !== type) {
      events += close() + begin(type === 'text' ? text('') : { type, thinking: '', signature: '' });
      open = type;
    }
    const index = blocks - 1;
    const delta =
      type === 'text'
        ? ({ type: 'text_delta', text: words } as const)
        : ({ type: 'thinking_delta', thinking: words } as const);
    return events + frame({ type: 'content_block_delta', index, delta });
  }

  function begin(content_block: AnswerBlock): string {
    blocks += 1;
    return frame({ type: 'content_block_start', index: blocks - 1, content_block });
  }

  function close(): string {
    if (open === null) return '';
    open = null;
    return frame({ type: 'content_block_stop', index: blocks - 1 });
  }

  function end(): string {
    if (!finish || finished || failed) return '';
    finished = true;
    let events = close();
    const taken = new Set<string>();
    for (const call of calls.toSorted((one, other) => one.index - other.index)) {
      const block = toolUseOf(call, taken);
      events += begin({ ...block, input: {} });
      const delta = { type: 'input_json_delta' as const, partial_json: JSON.stringify(block.input) };
      events += frame({ type: 'content_block_delta', index: blocks - 1, delta });
      events += frame({ type: 'content_block_stop', index: blocks - 1 });
    }
    const { stop_reason, stop_sequence = null } = stopOf(finish, refused, calls.length > 0);
    const used = usageFrom(usage);
    const last: StreamEvent = {
      type: 'message_delta',
      delta: { stop_reason, stop_sequence, stop_details: null, container: null },
      usage: {
        input_tokens: used.input_tokens,
        cache_creation_input_tokens: used.cache_creation_input_tokens,
        cache_read_input_tokens: used.cache_read_input_tokens,
        output_tokens: used.output_tokens,
        output_tokens_details: used.output_tokens_details,
        server_tool_use: null,
      },
    };
    return events + frame(last) + frame({ type: 'message_stop' });
  }

  function fail(error: ApiError): string {
    failed = true;
    return frame(error.envelope(request_id));
  }

  return {
    feed,
    // The last line may have come without its end.
    end: () => feed(Buffer.from('\n')) + end(),
    get finished() {
      return finished;
    },
    get usage_known() {
      return usageKnown(usage);
    },
  };
}
