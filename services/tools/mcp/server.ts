/**
 * One MCP server, kept alive: connected, asked what it offers, started again when it has died or hangs. Nobody waits for
 * it longer than a call may take, and what it does hurts no other server.
 */

import * as z from 'zod/mini';
import { type Backoff, backoff_ms } from '#shared/base/backoff.ts';
import { sleep } from '#shared/base/clock.ts';
import { messageOf } from '#shared/base/errors.ts';
import { version } from '#shared/base/root.ts';
import { type Offer, offersOf, visible } from './offer.ts';
import type * as Sdk from './sdk.ts';

export type Transport = Parameters<Sdk.Client['connect']>[0];

/** Connects to it. `over` may be told once, and later, that the connection is at its end, and why. */
export type Open = (sdk: typeof Sdk, over: (why: string) => void) => Promise<Transport>;

export type State = { state: 'starting' | 'ready' } | { state: 'failed'; error: string };

export type Server = {
  /** @throws Error that the model may read; never later than the limit */
  call(tool: string, input: Record<string, unknown>, limits: Limits): Promise<Answer>;
  /** Ends it, and all that waits for it. */
  close(): Promise<void>;
};

const page = z.object({ tools: z.array(z.unknown()), nextCursor: z.optional(z.string()) });
const anAnswer = z.object({
  content: z._default(z.array(z.looseObject({ type: z.string() })), []),
  structuredContent: z.optional(z.unknown()),
  isError: z.optional(z.boolean()),
});
export type Answer = z.infer<typeof anAnswer>;

/** To be connected and to say what it offers. */
const START_ms = 20_000;
const PONG_ms = 5000;
/** How long a call waits for a server that is just being started. */
const PATIENCE_ms = 10_000;
/** Who has lived so long has not failed at its start. */
const SOUND_ms = 60_000;
const MOST_TOOLS = 200;
const MOST_PAGES = 20;
/** A server that keeps announcing changes is asked so often at most. */
const RELIST_ms = 1000;

export function keep(of: {
  name: string;
  open: Open;
  restart: Backoff;
  state(state: State): void;
  /** What it offers, at each start and whenever it has changed. The next call waits until that is on record. */
  offered(offers: Offer[]): Promise<void>;
  /** Takes its secrets out of what it says. */
  hidden(text: string): string;
}): Server {
  const { name } = of;
  const ending = new AbortController();
  const { signal } = ending;
  let live: Live | undefined;
  /** Why it is not running. */
  let why = 'it has not been started';
  let failedStarts = 0;
  let news = Promise.withResolvers<void>();
  let hurry = () => {};

  function changed(): void {
    news.resolve();
    news = Promise.withResolvers();
  }

  const life = (async () => {
    for (let failures = 0; !signal.aborted; failures++) {
      of.state({ state: 'starting' });
      const began = performance.now();
      why = of.hidden(visible(await once(), 500));
      if (signal.aborted) return changed();
      of.state({ state: 'failed', error: why });
      if (performance.now() - began > SOUND_ms) failures = 0;
      const pause = new AbortController();
      hurry = () => pause.abort();
      changed();
      await sleep(backoff_ms(failures, of.restart), AbortSignal.any([signal, pause.signal]));
      hurry = () => {};
    }
  })();

  /** Lives with it from its start to its end; returns what it died of. */
  async function once(): Promise<string> {
    const end = Promise.withResolvers<string>();
    let died: string | undefined;
    const over = (reason: string) => {
      died ??= reason;
      live = undefined;
      end.resolve(died);
    };
    const stop = () => over('it is being stopped');
    signal.addEventListener('abort', stop, { once: true });
    const sdk = await import('./sdk.ts');
    const client = new sdk.Client({ name: 'vigil', version }, { jsonSchemaValidator: unjudged });
    try {
      const started = (async () => {
        await client.connect(await of.open(sdk, over), { timeout: START_ms });
        await of.offered(await list(client));
      })();
      started.catch((error) => over(saying(sdk, error)));
      await Promise.race([started, end.promise]);
      if (died !== undefined) throw new Error(died);
      relistOnChange(sdk, client, over);
      live = { client, sdk, over, died: () => died };
      of.state({ state: 'ready' });
      changed();
      return await end.promise;
    } catch (error) {
      failedStarts++;
      return died ?? messageOf(error);
    } finally {
      live = undefined;
      signal.removeEventListener('abort', stop);
      await client.close();
    }
  }

  async function list(client: Sdk.Client): Promise<Offer[]> {
    const tools: unknown[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < MOST_PAGES && tools.length < MOST_TOOLS; pages++) {
      const params = cursor === undefined ? {} : { cursor };
      const got = await client.request({ method: 'tools/list', params }, page, { timeout: START_ms });
      tools.push(...got.tools.slice(0, MOST_TOOLS - tools.length));
      cursor = got.nextCursor;
      if (cursor === undefined) break;
    }
    return offersOf(name, tools);
  }

  function relistOnChange(sdk: typeof Sdk, client: Sdk.Client, over: (why: string) => void): void {
    let looking = false;
    let changed = false;
    client.setNotificationHandler(sdk.ToolListChangedNotificationSchema, async () => {
      changed = true;
      if (looking) return;
      looking = true;
      try {
        while (changed && !signal.aborted) {
          changed = false;
          await of.offered(await list(client));
          await sleep(RELIST_ms, signal);
        }
      } catch (error) {
        over(`it does not say what it offers now: ${messageOf(error)}`);
      } finally {
        looking = false;
      }
    });
  }

  /** The server as it runs. One that is down is started at once, for somebody wants it. */
  async function ready(stopped: AbortSignal): Promise<Live> {
    const patience = AbortSignal.any([stopped, AbortSignal.timeout(PATIENCE_ms)]);
    const failedBefore = failedStarts;
    while (!live && failedStarts === failedBefore && !patience.aborted && !signal.aborted) {
      hurry();
      await Promise.race([news.promise, sleep(PATIENCE_ms, patience)]);
    }
    stopped.throwIfAborted();
    if (live) return live;
    throw new Error(`it is not running: ${why}; it is started again and again`);
  }

  async function ask(
    { client, sdk, over, died }: Live,
    tool: string,
    input: Record<string, unknown>,
    { signal: stopped, limit_ms }: Limits,
  ): Promise<Answer> {
    try {
      return await client.request(
        { method: 'tools/call', params: { name: tool, arguments: input } },
        anAnswer,
        {
          signal: stopped,
          timeout: limit_ms,
          maxTotalTimeout: limit_ms,
        },
      );
    } catch (error) {
      stopped.throwIfAborted();
      if (!(error instanceof sdk.McpError)) over(saying(sdk, error));
      else if (error.code === sdk.ErrorCode.RequestTimeout) {
        client
          .ping({ timeout: Math.min(PONG_ms, limit_ms) })
          .catch(() => over(`it hangs: no answer within ${limit_ms / 1000} s`));
      }
      // It has forgotten the session, and so has done nothing: the one failure after which to ask again is safe.
      if (error instanceof sdk.StreamableHTTPError && error.code === 404) throw new Forgotten();
      const reason = died();
      throw reason === undefined ? error : new Error(reason);
    }
  }

  return {
    async call(tool, input, limits) {
      try {
        return await ask(await ready(limits.signal), tool, input, limits).catch(async (error) => {
          if (!(error instanceof Forgotten)) throw error;
          return ask(await ready(limits.signal), tool, input, limits);
        });
      } catch (error) {
        limits.signal.throwIfAborted();
        throw new Error(
          `the MCP server ${name}, asked for ${tool}: ${of.hidden(visible(messageOf(error), 1000))}`,
        );
      }
    },
    async close() {
      ending.abort();
      await life;
    },
  };
}

type Live = { client: Sdk.Client; sdk: typeof Sdk; over(why: string): void; died(): string | undefined };
type Limits = { signal: AbortSignal; limit_ms: number };

class Forgotten extends Error {
  override readonly message = 'it has forgotten the session';
}

function saying(sdk: typeof Sdk, error: unknown): string {
  const code = error instanceof sdk.StreamableHTTPError ? error.code : undefined;
  if (code === 401 || code === 403) return `it refuses the credentials (HTTP ${code})`;
  return code === undefined ? messageOf(error) : `HTTP ${code}: ${messageOf(error)}`;
}

/** Nobody here relies on structured results, and to compile a stranger's schema is to trust it with the processor. */
const unjudged: NonNullable<NonNullable<ConstructorParameters<typeof Sdk.Client>[1]>['jsonSchemaValidator']> =
  {
    getValidator: () => (data) => ({ valid: true, data: data as never, errorMessage: undefined }),
  };
