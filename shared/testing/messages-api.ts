/**
 * The Anthropic Messages API as a server to test against: the real rules for requests and answers, answers one can
 * script, every way in which a provider fails, and a bill at the end. It answers at once unless told otherwise, for it
 * is also what the product's own speed is measured against.
 *
 * In a test: `const api = await startMessagesApi({ key: 'sk-test' })`, then ANTHROPIC_BASE_URL is `api.root`.
 * As a process: `node shared/testing/messages-api.ts --help`.
 */

import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { parseArgs } from 'node:util';
import { messageOf } from '#shared/base/errors.ts';
import { newId, send, sendError, sendJson, streamHeaders } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import {
  checkCountTokens,
  checkKey,
  checkMessages,
  dialectOf,
  endpointOf,
  readBody,
} from '#shared/messages/request.ts';
import { account, modelList, publicModels } from './messages-account.ts';
import { type Billed, nothing, type Piece, streamed, whole } from './messages-bill.ts';
import { promptCache } from './messages-cache.ts';
import {
  cut,
  drip,
  errorOf,
  type Fault,
  type FaultKind,
  faultBook,
  strike,
  wasCut,
} from './messages-faults.ts';
import { type Delay, draw, pause, randomFrom } from './messages-latency.ts';
import { compose, defaultScript, type Rule, ruled, type Script } from './messages-script.ts';

export type Options = {
  /** The keys it takes. */
  key: string | readonly string[];
  port?: number;
  /** The models it knows; without a list, the current public ones and any other whose name begins with `claude-`. */
  models?: readonly string[];
  /** Faults and delays of one seed are the same in every run. */
  seed?: number;
  /** The shortest prompt that is cached, in tokens. */
  min_cache_tokens?: number;
  /** How many calls the log keeps: a benchmark makes millions. */
  keep_calls?: number;
};

export type Latency = { first_ms?: Delay; per_chunk_ms?: Delay };

export type Call = {
  /** The `request-id` of the answer. */
  id: string;
  /** Milliseconds since the epoch, with fractions. */
  received_at: number;
  ended_at: number | null;
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: unknown;
  /** null as long as no header was sent. */
  status: number | null;
  fault: FaultKind | null;
  /** The client hung up before the answer was complete. */
  client_left: boolean;
  /** Events of the stream that were sent; the two halves of a plain answer count as two. */
  events: number;
  /** What the provider charges for it: for a stream that was cut, what was generated until then. */
  billed: Billed;
};

export type MessagesApi = Awaited<ReturnType<typeof startMessagesApi>>;

const now = () => performance.timeOrigin + performance.now();

export async function startMessagesApi(options: Options) {
  const keys = new Set([options.key].flat());
  const random = randomFrom(options.seed ?? 1);
  const faults = faultBook(random);
  const inputUsage = promptCache(options.min_cache_tokens ?? 1024);
  const keep_calls = options.keep_calls ?? 10_000;
  const log: Call[] = [];
  const total = { ...nothing };
  const standing = account();
  const inFlight = new Set<ServerResponse>();
  let answered = 0;
  let script: Script = defaultScript;
  let latency: Latency = {};

  const server = createServer((request, response) => void serve(request, response));
  // After Node's five seconds a client that comes back just then would find its connection reset.
  server.keepAliveTimeout = 4 * 60_000;
  const port = await listening(server, options.port ?? 0);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const call: Call = {
      id: newId('req'),
      received_at: now(),
      ended_at: null,
      method,
      path: url,
      headers,
      body: undefined,
      status: null,
      fault: null,
      client_left: false,
      events: 0,
      billed: { ...nothing },
    };
    log.push(call);
    if (log.length > keep_calls) log.shift();
    inFlight.add(response);
    response.once('close', () => {
      call.ended_at = now();
      call.status = response.headersSent ? response.statusCode : null;
      call.client_left = !response.writableFinished && !wasCut(response);
      inFlight.delete(response);
      // A connection that was busy when the server closed would be kept alive, and the server with it.
      if (!server.listening) request.socket.destroySoon();
    });
    try {
      await answer(request, response, call);
    } catch (error) {
      const known = error instanceof ApiError ? error : new ApiError('api_error', messageOf(error));
      if (response.headersSent) return cut(response);
      const retry = known.status < 500 && known.status !== 429 ? { 'x-should-retry': 'false' } : {};
      sendError(response, known, call.id, { ...standing.headers(), ...retry });
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse, call: Call): Promise<void> {
    const endpoint = endpointOf(call.method, call.path);
    checkKey(call.headers, (key) => keys.has(key));
    const dialect = dialectOf(call.headers);
    const headers = { ...standing.headers(), 'request-id': call.id };
    if (endpoint === 'models') {
      return sendJson(response, 200, modelList(options.models ?? publicModels), headers);
    }
    const { body } = await readBody(request);
    call.body = body;
    if (endpoint === 'count_tokens') {
      const counted = checkCountTokens(body, dialect);
      const { input_tokens } = promptCache(Number.POSITIVE_INFINITY)(counted, now());
      return sendJson(response, 200, { input_tokens }, headers);
    }
    const asked = checkMessages(body, dialect);
    const known = options.models?.includes(asked.model) ?? asked.model.startsWith('claude-');
    if (!known) throw new ApiError('not_found_error', `model: ${asked.model}`);

    const fault = faults.strike(asked.model);
    call.fault = fault?.kind ?? null;
    const refused = fault && errorOf(fault, asked.model);
    if (refused) throw refused;
    if (fault?.kind === 'reset' || fault?.kind === 'hang') return strike(response, fault, call.id);

    answered += 1;
    const reply = await script(asked, answered);
    const given = typeof reply === 'string' ? { text: reply } : reply;
    if (given.delay_ms) await pause(response, given.delay_ms);
    const done = compose(asked, given, inputUsage(asked, now()));
    standing.count(done.usage);
    await pause(response, draw(latency.first_ms ?? 0, random));
    if (fault?.kind === 'error_event' && !asked.stream) throw new ApiError('overloaded_error', 'Overloaded');
    const type = asked.stream ? streamHeaders : { 'content-type': 'application/json' };
    response.writeHead(200, { ...type, ...standing.headers(), 'request-id': call.id });
    await deliver(response, call, asked.stream ? streamed(done) : whole(done), fault);
  }

  /** Sends piece by piece, charging for each as it goes, until the end, the fault, or the client's departure. */
  async function deliver(
    response: ServerResponse,
    call: Call,
    pieces: Piece[],
    fault?: Fault,
  ): Promise<void> {
    const strikeAt = fault ? Math.min(fault.after_events ?? 4, pieces.length - 1) : -1;
    for (const [index, piece] of pieces.entries()) {
      for (let chunk = 0; chunk < piece.chunks; chunk += 1) {
        await pause(response, draw(latency.per_chunk_ms ?? 0, random));
      }
      if (fault && index === strikeAt && fault.kind !== 'drip') return strike(response, fault, call.id);
      charge(call, piece.billed);
      const sent =
        fault?.kind === 'drip' ? await drip(response, piece.text, fault) : await send(response, piece.text);
      if (!sent) return;
      call.events += 1;
    }
    response.end();
  }

  function charge(call: Call, billed: Billed): void {
    for (const key of Object.keys(nothing) as (keyof Billed)[]) {
      total[key] += billed[key] - call.billed[key];
      call.billed[key] = billed[key];
    }
  }

  /** Ends what is in flight without a word. */
  function cutAll(): void {
    for (const response of inFlight) cut(response);
    server.closeAllConnections();
  }

  return {
    root: `http://127.0.0.1:${port}`,
    script(how: Script | readonly Rule[]): void {
      script = typeof how === 'function' ? how : ruled(how);
    },
    latency(how: Latency): void {
      latency = how;
    },
    fault: faults.set,
    /** No fault is set any more. */
    clear: faults.clear,
    /** Down: connections break, and no new one is accepted. */
    async network(state: 'up' | 'down'): Promise<void> {
      if (state === 'up' && !server.listening) await listening(server, port);
      if (state === 'down' && server.listening) {
        const closed = once(server, 'close');
        server.close();
        cutAll();
        await closed;
      }
    },
    /** This key, or every one, is invalid from now on. */
    revoke(key?: string): void {
      if (key === undefined) keys.clear();
      else keys.delete(key);
    },
    grant(key: string): void {
      keys.add(key);
    },
    calls: (): readonly Call[] => [...log],
    /** All that was charged, in tokens. */
    billed: (): Billed => ({ ...total }),
    /** Resolves once no call is in flight. */
    async idle(): Promise<void> {
      await Promise.all([...inFlight].map((response) => once(response, 'close')));
    },
    /** Accepts nothing more and lets answers finish for so long. */
    async close(grace_ms = 0): Promise<void> {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      const timer = setTimeout(cutAll, grace_ms);
      await closed;
      clearTimeout(timer);
    },
  };
}

export function listening(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

// ── As a process ───────────────────────────────────────────────────────────────────────────────────────────────────

const help = `The Anthropic Messages API, to test against.

usage: node shared/testing/messages-api.ts --key KEY [--key KEY …] [--port N] [--model ID …] [--seed N]

Prints one JSON line, {"root":…,"control":…}, and serves until SIGTERM. Then it lets running answers finish (5 s).

POST {control}/VERB with the verb's argument as a JSON body; the answer is its result, as JSON.
  script   [{"match":"regular expression","reply":"text","delay_ms":0}, …]
  latency  {"first_ms":300,"per_chunk_ms":{"median":20,"p99":90}}
  fault    {"kind":"rate_limit_error","calls":2,"retry_after_s":1}
  clear    all faults          network  "down" or "up"
  revoke   "key", or all       grant    "key"
  calls    what was asked      billed   tokens charged      idle  answers when no call is in flight
`;

function controlServer(api: MessagesApi): Server {
  const { root: _root, close: _close, ...verbs } = api;
  return createServer(async (request, response) => {
    const verb = request.url?.replace('/control/', '') ?? '';
    try {
      if (!Object.hasOwn(verbs, verb))
        throw new Error(`no verb '${verb}': expected ${Object.keys(verbs).join(', ')}`);
      const { body } =
        Number(request.headers['content-length']) > 0 ? await readBody(request) : { body: undefined };
      const run = verbs[verb as keyof typeof verbs] as (argument: unknown) => unknown;
      sendJson(response, 200, (await run(body)) ?? null);
    } catch (error) {
      sendJson(response, 400, { error: messageOf(error) });
    }
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      key: { type: 'string', multiple: true },
      port: { type: 'string', default: '0' },
      model: { type: 'string', multiple: true },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || !values.key) {
    process.stdout.write(help);
    process.exitCode = values.help ? 0 : 64;
    return;
  }
  const { key, port, model, seed } = values;
  const api = await startMessagesApi({
    key,
    port: Number(port),
    seed: Number(seed),
    ...(model ? { models: model } : {}),
  });
  const control = controlServer(api);
  const controlPort = await listening(control, 0);
  process.stdout.write(
    `${JSON.stringify({ root: api.root, control: `http://127.0.0.1:${controlPort}/control` })}\n`,
  );
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  control.close();
  control.closeAllConnections();
  await api.close(5_000);
}

if (import.meta.main) await main();
