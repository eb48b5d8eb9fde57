/** Asks the model, through the router's Unix socket, with the official SDK. The router alone retries. */

import type { Anthropic } from '@anthropic-ai/sdk';
import type { Message, MessageCreateParamsNonStreaming } from '@anthropic-ai/sdk/resources/messages';
import { messageOf } from '#shared/base/errors.ts';
import { httpFetch } from '#shared/base/fetch.ts';

export type Question = Omit<MessageCreateParamsNonStreaming, 'stream'> & {
  /** What it is for, in the words of [router.tasks]. */
  task: string;
  /** Nobody asked for it. */
  unasked?: boolean;
  turn_id?: string;
  conversation: string;
  /** The name of the step that it answers: asked again under it, an answer that was paid for is given again. */
  step?: string;
  /** Told of the text as it comes. */
  onText?: (text: string) => void;
};

export type Answer = {
  message: Message;
  /** The ledger's row. */
  call_id: string | null;
};

export type Ask = (question: Question, signal: AbortSignal) => Promise<Answer>;

/** No answer came, for a reason that passes. */
export class Silence extends Error {
  override readonly name = 'Silence';
}

/** An answer began, and did not come to its end: it may have cost something. */
export class BrokenOff extends Error {
  override readonly name = 'BrokenOff';
}

/**
 * The whole answer; what the SDK throws otherwise.
 * @param idle_ms the router gives up a silent provider sooner: only a router that hangs itself is silent for so long
 * @throws BrokenOff when the answer had begun
 */
export function asker(socketPath: string, idle_ms: number): Ask {
  let client: Anthropic | undefined;
  return async ({ task, unasked, turn_id, conversation, step, onText, ...question }, signal) => {
    // The SDK is loaded by the first question: an idle core is lighter by all of it.
    client ??= await connect(socketPath);
    const silent = new AbortController();
    const timer = setTimeout(() => silent.abort(), idle_ms);
    let begun = false;
    try {
      const stream = client.messages.stream(question, {
        signal: AbortSignal.any([signal, silent.signal]),
        headers: {
          'x-vigil-service': 'core',
          'x-vigil-conversation': conversation,
          'x-vigil-task': task,
          ...(turn_id && { 'x-vigil-turn': turn_id }),
          ...(step && { 'x-vigil-step': step }),
          ...(unasked && { 'x-vigil-unasked': '1' }),
        },
      });
      stream.on('streamEvent', () => {
        begun = true;
        timer.refresh();
      });
      if (onText) stream.on('text', onText);
      const message = await stream.finalMessage();
      return { message, call_id: (await stream.withResponse()).response.headers.get('x-vigil-call') };
    } catch (error) {
      if (silent.signal.aborted) {
        throw new Silence(`the router said nothing for ${idle_ms / 1000} s`, { cause: error });
      }
      if (begun && !signal.aborted) throw new BrokenOff(messageOf(error), { cause: error });
      throw error;
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
