/** An answer in the pieces in which it is sent, each with what the provider has charged for once it is out. */

import type { Usage } from '@anthropic-ai/sdk/resources/messages';
import { type Answer, events, frame, message, type StreamEvent } from '#shared/messages/answer.ts';

export type Billed = {
  input_tokens: number;
  output_tokens: number;
  cache_creation_input_tokens: number;
  cache_read_input_tokens: number;
};

export const nothing: Billed = {
  input_tokens: 0,
  output_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
};

/** Bytes to send, how many chunks' time they take, and the bill once they were generated. */
export type Piece = { text: string; chunks: number; billed: Billed };

function billOf(usage: Usage, output_tokens: number): Billed {
  return {
    input_tokens: usage.input_tokens,
    output_tokens,
    cache_creation_input_tokens: usage.cache_creation_input_tokens ?? 0,
    cache_read_input_tokens: usage.cache_read_input_tokens ?? 0,
  };
}

/** A stream: what was generated when a delta is out is its share of the whole output. */
export function streamed(answer: Answer): Piece[] {
  const all = [...events(answer)];
  const length = all.reduce((sum, event) => sum + generated(event), 0);
  const { usage } = answer;
  let done = 0;
  return all.map((event) => {
    done += generated(event);
    const complete = event.type === 'message_delta' || event.type === 'message_stop';
    const output = complete
      ? usage.output_tokens
      : Math.ceil((usage.output_tokens * done) / Math.max(1, length));
    return {
      text: frame(event),
      chunks: event.type === 'content_block_delta' ? 1 : 0,
      billed: billOf(usage, Math.max(output, Math.min(1, usage.output_tokens))),
    };
  });
}

function generated(event: StreamEvent): number {
  if (event.type !== 'content_block_delta') return 0;
  const { delta } = event;
  if (delta.type === 'text_delta') return delta.text.length;
  if (delta.type === 'thinking_delta') return delta.thinking.length;
  return delta.type === 'input_json_delta' ? delta.partial_json.length : 0;
}

/** A JSON answer, in two halves, so that a fault can strike between them. */
export function whole(answer: Answer): Piece[] {
  const chunks = [...events(answer)].filter((event) => event.type === 'content_block_delta').length;
  const billed = billOf(answer.usage, answer.usage.output_tokens);
  const json = JSON.stringify(message(answer));
  // At a quote, because a string cut inside a surrogate pair would lose the character.
  const middle = json.indexOf('"', json.length >> 1);
  return [
    { text: json.slice(0, middle), chunks, billed },
    { text: json.slice(middle), chunks: 0, billed },
  ];
}
