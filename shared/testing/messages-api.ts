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
import { modelInfo, newId, send, sendError, sendJson, streamHeaders, text } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import {
  checkBatch,
  checkCountTokens,
  checkKey,
  checkMessages,
  dialectOf,
  type Endpoint,
  endpointOf,
  max_batch_bytes,
  readBody,
} from '#shared/messages/request.ts';
import type { Dialect, MessagesRequest } from '#shared/messages/request-fields.ts';
import { refuse } from '#shared/messages/shape.ts';
import { batchBook, type Ending } from './messages-batches.ts';
import {
  type Billed,
  billedFields,
  nothing,
  type Piece,
  randomUsage,
  streamed,
  whole,
} from './messages-bill.ts';
import { promptCache } from './messages-cache.ts';
import {
  cut,
  drip,
  errorOf,
  type Fault,
  type FaultKind,
  faultBook,
  hugeText,
  sendPage,
  strike,
  wasCut,
} from './messages-faults.ts';
import { type Delay, draw, pause, randomFrom } from './messages-latency.ts';
import { rateLimits } from './messages-limits.ts';
import { page, publicModels } from './messages-models.ts';
import {
  type Composed,
  compose,
  defaultScript,
  type Reply,
  type Rule,
  ruled,
  type Script,
} from './messages-script.ts';

export type Options = {
  /** The keys it takes. */
  key: string | readonly string[];
  port?: number;
  /** The models it knows; without a list, the current public ones and any other whose name begins with `claude-`. */
  models?: readonly string[];
  /** Faults and delays of one seed are the same in every run. */
  seed?: number;
  /** Whose rate limits hold; two servers can be two organizations. */
  organization?: string;
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
  const limits = rateLimits(options.organization ?? '7b0e0f2c-5a53-4c0e-9f5f-0a6f4d0c1e11');
  const batches = batchBook();
  const inFlight = new Set<ServerResponse>();
  let answered = 0;
  let script: Script = defaultScript;
  let latency: Latency = {};
  /** Set while calls are billed at random. */
  let chance: (() => number) | undefined;

  const server = createServer((request, response) => void serve(request, response));
  // After Node's five seconds a client that comes back just then would find its connection reset.
  server.keepAliveTimeout = 4 * 60_000;
  const port = await listening(server, options.port ?? 0);
  const root = `http://127.0.0.1:${port}`;

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
      const heals = known.status >= 500 || [408, 409, 429].includes(known.status);
      sendError(response, known, call.id, {
        ...limits.headers(),
        ...(heals ? {} : { 'x-should-retry': 'false' }),
      });
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse, call: Call): Promise<void> {
    const { endpoint, id } = endpointOf(call.method, call.path);
    checkKey(call.headers, (key) => keys.has(key));
    const dialect = dialectOf(call.headers);
    if (endpoint === 'messages') return converse(request, response, call, dialect);
    const fault = faults.strike(endpoint);
    if (fault && struckAtOnce(response, call, fault)) return;
    const said = await administer(endpoint, id, request, call, dialect);
    const headers = { ...limits.headers(), 'request-id': call.id };
    if (fault) {
      await strike(response, fault, { request_id: call.id, stream: false });
    } else if (typeof said === 'string') {
      response.writeHead(200, { ...headers, 'content-type': 'application/x-jsonl' });
      response.end(said);
    } else {
      sendJson(response, 200, said, headers);
    }
  }

  /** All that the API does beside answering: JSON, or the lines of a JSONL file. */
  async function administer(
    endpoint: Exclude<Endpoint, 'messages'>,
    id: string,
    request: IncomingMessage,
    call: Call,
    dialect: Dialect,
  ): Promise<object | string> {
    switch (endpoint) {
      case 'models':
        return page(
          (options.models ?? publicModels).map((id) => modelInfo(id, id)),
          call.path,
        );
      case 'model':
        checkKnown(id);
        return modelInfo(id, id);
      case 'count_tokens': {
        call.body = (await readBody(request)).body;
        const counted = checkCountTokens(call.body, dialect);
        const { input_tokens } = promptCache(Number.POSITIVE_INFINITY)(counted, now());
        return { input_tokens };
      }
      case 'batch.create': {
        call.body = (await readBody(request, max_batch_bytes)).body;
        return batches.create(checkBatch(call.body), {
          answer: (params) => answerOfBatch(params, dialect),
          charge: (billed) => charge(call, billed),
          root,
        });
      }
      case 'batch.list':
        return batches.list(call.path);
      case 'batch.retrieve':
        return batches.retrieve(id);
      case 'batch.cancel':
        return batches.cancel(id);
      case 'batch.delete':
        return batches.delete(id);
      case 'batch.results':
        return batches.results(id);
    }
  }

  async function answerOfBatch(params: Record<string, unknown>, dialect: Dialect): Promise<Composed> {
    const asked = checkMessages(params, dialect);
    checkKnown(asked.model);
    if (asked.stream) refuse('stream: a request of a batch cannot be streamed');
    return composed(asked, Buffer.byteLength(JSON.stringify(params)), await scripted(asked));
  }

  function checkKnown(model: string): void {
    const known = options.models?.includes(model) ?? model.startsWith('claude-');
    if (!known) throw new ApiError('not_found_error', `model: ${model}`);
  }

  /** Whether the fault leaves nothing to answer. */
  function struckAtOnce(response: ServerResponse, call: Call, fault: Fault, model = ''): boolean {
    call.fault = fault.kind;
    const error = errorOf(fault, model);
    if (error && !fault.html) throw error;
    if (error) sendPage(response, error.status);
    else if (fault.kind === 'reset' || fault.kind === 'hang') {
      strike(response, fault, { request_id: call.id, stream: false });
    } else return false;
    return true;
  }

  async function scripted(asked: MessagesRequest): Promise<Exclude<Reply, string>> {
    answered += 1;
    const reply = await script(asked, answered);
    return typeof reply === 'string' ? { text: reply } : reply;
  }

  function composed(asked: MessagesRequest, body_bytes: number, reply: Exclude<Reply, string>): Composed {
    const answer = compose(asked, reply, inputUsage(asked, now()));
    if (!chance) return answer;
    const usage = { ...randomUsage(chance, { request: asked, body_bytes, answer }), ...reply.usage };
    return { ...answer, usage };
  }

  async function converse(
    request: IncomingMessage,
    response: ServerResponse,
    call: Call,
    dialect: Dialect,
  ): Promise<void> {
    const { body, body_bytes } = await readBody(request);
    call.body = body;
    const asked = checkMessages(body, dialect);
    checkKnown(asked.model);
    const fault = faults.strike('messages', asked.model);
    if (fault && struckAtOnce(response, call, fault, asked.model)) return;
    const estimated_input_tokens = Math.ceil(body_bytes / 4);
    limits.admit(estimated_input_tokens);

    const reply = await scripted(asked);
    if (reply.delay_ms) await pause(response, reply.delay_ms);
    const done = composed(asked, body_bytes, reply);
    limits.settle(estimated_input_tokens, done.usage);
    const first_ms = draw(latency.first_ms ?? 0, random);
    if (first_ms > 0) await pause(response, first_ms);
    if (fault?.kind === 'error_event' && !asked.stream) throw new ApiError('overloaded_error', 'Overloaded');
    const type = asked.stream ? streamHeaders : { 'content-type': 'application/json' };
    response.writeHead(200, { ...type, ...limits.headers(), 'request-id': call.id });
    const sent = fault?.kind === 'huge' ? { ...done, content: [text(hugeText(fault))] } : done;
    const pieces = asked.stream ? streamed(sent) : whole(sent, latency.per_chunk_ms !== undefined);
    await deliver(response, call, asked.stream === true, pieces, fault);
  }

  /** Sends piece by piece, charging for each as it goes, until the end, the fault, or the client's departure. */
  async function deliver(
    response: ServerResponse,
    call: Call,
    stream: boolean,
    pieces: Piece[],
    fault?: Fault,
  ): Promise<void> {
    const slow = fault?.kind === 'drip' ? fault : undefined;
    const breaking = slow || fault?.kind === 'huge' ? undefined : fault;
    const visible = breaking ? pieces.filter(({ text }) => text !== '').length : 0;
    const strikeAt = Math.min(breaking?.after_events ?? (stream ? 4 : 1), visible - 1);
    for (const { text, chunks, billed } of pieces) {
      for (let chunk = 0; chunk < chunks; chunk += 1) {
        const wait_ms = draw(latency.per_chunk_ms ?? 0, random);
        if (wait_ms > 0) await pause(response, wait_ms);
      }
      if (breaking && text !== '' && call.events === strikeAt) {
        return strike(response, breaking, { request_id: call.id, stream });
      }
      // Nothing more is generated for a client that has left; its prompt was read.
      if (response.destroyed && call.billed.input_tokens > 0) return;
      charge(call, billed);
      if (text === '') continue;
      const sent = slow ? await drip(response, text, slow) : await send(response, text);
      if (!sent) return;
      call.events += 1;
    }
    response.end();
  }

  function charge(call: Call, billed: Billed): void {
    for (const field of billedFields) total[field] += billed[field] - call.billed[field];
    call.billed = billed;
  }

  /** Ends what is in flight without a word. */
  function cutAll(): void {
    for (const response of inFlight) cut(response);
    server.closeAllConnections();
  }

  return {
    root,
    script(how: Script | readonly Rule[]): void {
      script = typeof how === 'function' ? how : ruled(how);
    },
    latency(how: Latency): void {
      latency = how;
    },
    /** Bills by estimate, or at random within what is possible: the same in every run of one seed. */
    usage(how: 'estimated' | 'random', seed = 1): void {
      if (how !== 'random' && how !== 'estimated') {
        throw new Error(`usage is 'estimated' or 'random', got '${how}'`);
      }
      chance = how === 'random' ? randomFrom(seed) : undefined;
    },
    /** Enforced from now on, with full buckets; null for none. */
    limits: limits.set,
    /** Ends this batch, or all that are in progress: answered by the script, but for those that `how` ends otherwise. */
    endBatch: batches.end,
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

usage: node shared/testing/messages-api.ts --key KEY [--key KEY …] [--port N] [--model ID …] [--seed N] [--organization ID]

Prints one JSON line, {"root":…,"control":…}, and serves until SIGTERM. Then it lets running answers finish (5 s).

POST {control}/VERB with the verb's argument as a JSON body; the answer is its result, as JSON.
  script   [{"match":"regular expression","reply":"text","delay_ms":0}, …]
  latency  {"first_ms":300,"per_chunk_ms":{"median":20,"p99":90}}
  usage    {"how":"random","seed":1}, until {"how":"estimated"}
  limits   {"requests_per_minute":60,"input_tokens_per_minute":…,"output_tokens_per_minute":…}, or null
  endBatch {"id":"msgbatch_…","how":{"errored":1,"canceled":0,"expired":0}}, or nothing for all
  fault    {"kind":"rate_limit_error","calls":2,"retry_after_s":1}
  clear    all faults          network  "down" or "up"
  revoke   "key", or all       grant    "key"
  calls    what was asked      billed   tokens charged      idle  answers when no call is in flight
`;

function controlServer(api: MessagesApi): Server {
  const { root: _root, close: _close, ...rest } = api;
  const verbs = {
    ...rest,
    usage: ({ how, seed }: { how: 'estimated' | 'random'; seed?: number }) => api.usage(how, seed),
    endBatch: ({ id, how }: { id?: string; how?: Ending } = {}) => api.endBatch(id, how),
  };
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
      organization: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || !values.key) {
    process.stdout.write(help);
    process.exitCode = values.help ? 0 : 64;
    return;
  }
  const { key, port, model, seed, organization } = values;
  const api = await startMessagesApi({
    key,
    port: Number(port),
    seed: Number(seed),
    ...(model && { models: model }),
    ...(organization && { organization }),
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
