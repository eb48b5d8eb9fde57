/**
 * Asks the router, over its Unix socket, with the official SDK: a message, or a batch of them. Whatever is asked bears the
 * name of its step, under which the router answers it once and has it paid for once.
 */

import type { Anthropic } from '@anthropic-ai/sdk';
import type {
  Message,
  MessageBatchIndividualResponse,
  MessageCreateParamsNonStreaming,
} from '@anthropic-ai/sdk/resources/messages';

export type Params = MessageCreateParamsNonStreaming;

export type Asker = {
  /** Whether a real model answers: the rehearsal model has no idea what is worth remembering. */
  isReal(alias: string): Promise<boolean>;
  message(params: Params, step: string): Promise<{ message: Message; call_id: string | null }>;
  /** @returns the provider's name for it */
  submit(requests: readonly { custom_id: string; params: Params }[], step: string): Promise<string>;
  /** null: it has not ended. */
  results(ref: string): Promise<AsyncIterable<MessageBatchIndividualResponse> | null>;
  /** It is no more; nothing happens where it is none already. */
  drop(ref: string): Promise<void>;
};

/** An answer of all that may be asked for takes less; only a router that hangs is silent for so long. */
const PATIENCE_ms = 300_000;

export function askerAt(socketPath: string, day_usd: number, signal: AbortSignal): Asker {
  let client: Anthropic | undefined;
  // The SDK is loaded by the first question, and HTTP with it: most of the day there is none.
  const sdk = async () => {
    client ??= await connect(socketPath, day_usd);
    return client;
  };
  const under = (step: string) => ({ signal, headers: { 'x-vigil-step': step } });
  return {
    async isReal(alias) {
      try {
        const { response } = await (await sdk()).models.retrieve(alias, {}, { signal }).withResponse();
        return !response.headers.get('x-vigil-target')?.startsWith('rehearsal/');
      } catch (error) {
        if (statusOf(error) === 404) return false;
        throw error;
      }
    },
    async message(params, step) {
      const { data, response } = await (await sdk()).messages.create(params, under(step)).withResponse();
      return { message: data, call_id: response.headers.get('x-vigil-call') };
    },
    async submit(requests, step) {
      return (await (await sdk()).messages.batches.create({ requests: [...requests] }, under(step))).id;
    },
    async results(ref) {
      const { batches } = (await sdk()).messages;
      const { processing_status } = await batches.retrieve(ref, {}, { signal });
      return processing_status === 'ended' ? await batches.results(ref, {}, { signal }) : null;
    },
    async drop(ref) {
      try {
        await (await sdk()).messages.batches.delete(ref, {}, { signal });
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
      }
    },
  };
}

async function connect(socketPath: string, day_usd: number): Promise<Anthropic> {
  const [{ Anthropic }, { httpFetch }] = await Promise.all([
    import('@anthropic-ai/sdk'),
    import('#shared/base/fetch.ts'),
  ]);
  return new Anthropic({
    apiKey: 'suite',
    authToken: null,
    baseURL: 'http://router',
    fetch: httpFetch({ socketPath }),
    maxRetries: 0,
    timeout: PATIENCE_ms,
    logLevel: 'off',
    defaultHeaders: {
      'x-vigil-service': 'memory',
      'x-vigil-conversation': 'memory',
      'x-vigil-task': 'memory',
      'x-vigil-unasked': '1',
      'x-vigil-day-usd': String(day_usd),
    },
  });
}

/** The part of the SDK's errors that is looked at, so that no SDK has to be loaded to judge one. */
type SdkError = { status?: unknown; headers?: { get?(name: string): string | null } };

export function statusOf(error: unknown): number | null {
  const { status } = (error ?? {}) as SdkError;
  return typeof status === 'number' ? status : null;
}

/** What to do about a question that got no answer. */
export type Verdict =
  /** Nobody knows whether one is being made: asked again under the same step, it is had for nothing. */
  | { kind: 'unheard'; again_at: number }
  /** Nobody was paid. `budget`: less of it at once may have room. */
  | { kind: 'later'; again_at: number; budget: boolean }
  /** It may have been paid for, or is no question that can be answered. */
  | { kind: 'useless'; again_at: number }
  /** Not by anybody's fault that time heals. */
  | { kind: 'impossible' };

const MINUTE_ms = 60_000;
const HOUR_ms = 3_600_000;

/**
 * @param what after a batch that failed for whatever reason, the router knows whether it was taken
 * @param tomorrow_at when the budgets of the day begin anew
 */
export function verdictOn(
  what: 'message' | 'batch',
  error: unknown,
  now: number,
  tomorrow_at: number,
): Verdict {
  const { headers } = (error ?? {}) as SdkError;
  const status = statusOf(error);
  const wait_ms = Number(headers?.get?.('retry-after') ?? Number.NaN) * 1000;
  if (status === null) return { kind: 'unheard', again_at: now + MINUTE_ms };
  if (status === 402) {
    // A budget that never has room for it may be a larger one tomorrow.
    return { kind: 'later', budget: true, again_at: Number.isFinite(wait_ms) ? now + wait_ms : tomorrow_at };
  }
  if (status === 409) return { kind: 'unheard', again_at: now + MINUTE_ms };
  if (status === 429 || status === 503 || status === 529) {
    const rest_ms = Number.isFinite(wait_ms) ? Math.max(wait_ms, MINUTE_ms) : HOUR_ms;
    return { kind: 'later', budget: false, again_at: now + rest_ms };
  }
  if (what === 'batch' && status >= 500) return { kind: 'unheard', again_at: now + MINUTE_ms };
  // A key that is refused, an alias that is none: a person will see to it.
  if (status === 401 || status === 403 || status === 404) return { kind: 'impossible' };
  return { kind: 'useless', again_at: now + HOUR_ms };
}
