/** Asks the model, through the router's Unix socket, with the official SDK. The router alone retries. */

import type { Anthropic } from '@anthropic-ai/sdk';
import type { Message, MessageParam } from '@anthropic-ai/sdk/resources/messages';
import { httpFetch } from '#shared/base/fetch.ts';

export type Question = {
  model: string;
  max_tokens: number;
  system: string;
  messages: MessageParam[];
  turn_id: string;
};

export type Ask = (question: Question, signal: AbortSignal) => Promise<Message>;

/** The whole answer; what the SDK throws otherwise, an answer that broke off included. */
export function asker(socketPath: string): Ask {
  let client: Anthropic | undefined;
  return async ({ turn_id, ...question }, signal) => {
    // The SDK is loaded by the first question: an idle core is lighter by all of it.
    client ??= await connect(socketPath);
    const stream = client.messages.stream(question, { signal, headers: { 'x-vigil-turn': turn_id } });
    return stream.finalMessage();
  };
}

async function connect(socketPath: string): Promise<Anthropic> {
  const { Anthropic } = await import('@anthropic-ai/sdk');
  return new Anthropic({
    apiKey: 'suite',
    authToken: null,
    baseURL: 'http://router',
    fetch: httpFetch({ socketPath }),
    maxRetries: 0,
    logLevel: 'off',
  });
}
