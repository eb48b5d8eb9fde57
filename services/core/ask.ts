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
  conversation: string;
};

export type Ask = (question: Question, signal: AbortSignal) => Promise<Message>;

/** No answer came, for a reason that passes. */
export class Silence extends Error {
  override readonly name = 'Silence';
}

/**
 * The whole answer; what the SDK throws otherwise, an answer that broke off included.
 * @param idle_ms the router gives up a silent provider sooner: only a router that hangs itself is silent for so long
 */
export function asker(socketPath: string, idle_ms: number): Ask {
  let client: Anthropic | undefined;
  return async ({ turn_id, conversation, ...question }, signal) => {
    // The SDK is loaded by the first question: an idle core is lighter by all of it.
    client ??= await connect(socketPath);
    const silent = new AbortController();
    const timer = setTimeout(() => silent.abort(), idle_ms);
    try {
      const stream = client.messages.stream(question, {
        signal: AbortSignal.any([signal, silent.signal]),
        headers: {
          'x-vigil-service': 'core',
          'x-vigil-turn': turn_id,
          'x-vigil-conversation': conversation,
          'x-vigil-task': 'chat',
        },
      });
      stream.on('streamEvent', () => timer.refresh());
      return await stream.finalMessage();
    } catch (error) {
      if (!silent.signal.aborted) throw error;
      throw new Silence(`the router said nothing for ${idle_ms / 1000} s`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
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
