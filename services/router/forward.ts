/**
 * One call, from the request to the bill: reserve, forward, pass the answer through, settle. Bytes pass as they are in
 * both directions; only the credentials change. Whatever happens on the way (a refusal, a cut, the caller leaving, a
 * provider that goes silent), the call is settled once, and a stream that broke is never ended as if it were whole.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, type ClientRequest, request as httpRequest } from 'node:http';
import type { Clock } from '#shared/base/clock.ts';
import { codeOf, messageOf } from '#shared/base/errors.ts';
import { uuid } from '#shared/base/ids.ts';
import { type Log, withIds } from '#shared/base/log.ts';
import { sendError } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Store } from '#shared/store/store.ts';
import type { Usage } from '#shared/tables/call.ts';
import * as call from '#shared/tables/call.ts';
import { cost_nanousd, FREE, priceOf } from './price.ts';
import type { Provider } from './provider.ts';
import { brokenUsage, NOTHING, type Reading, readWhole, streamReader, unread } from './usage.ts';
import { worstOf } from './worst.ts';

export type Router = {
  store: Store;
  persist: Context<unknown>['persist'];
  log: Log;
  clock: Clock;
  instance: string;
  provider: Provider;
  /** A stream that says nothing for so long is given up. */
  idle_ms: number;
  /** Aborts when calls in flight must end, because the router does. */
  signal: AbortSignal;
};

/** https://docs.claude.com/en/api/overview: a request to Messages has at most 32 MB. */
const LONGEST_BODY_bytes = 32 * 2 ** 20;
/** An answer in one piece may be worked out for ten minutes before its first byte. */
const WHOLE_ms = 600_000;

/** Headers of one connection and not of the message (RFC 9110, 7.6.1), and those that are set anew. */
const NOT_PASSED = new Set([
  'accept-encoding',
  'authorization',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-api-key',
]);

type Asked = {
  model: string;
  max_tokens: number;
  stream: boolean;
  json: Record<string, unknown>;
  body: Buffer;
};

const plain = new Agent({ keepAlive: true, timeout: 15_000 });
let secure: { request: typeof httpRequest; agent: Agent } | undefined;

async function transport(url: URL): Promise<{ request: typeof httpRequest; agent: Agent }> {
  if (url.protocol === 'http:') return { request: httpRequest, agent: plain };
  if (!secure) {
    const https = await import('node:https');
    secure = { request: https.request, agent: new https.Agent({ keepAlive: true, timeout: 15_000 }) };
  }
  return secure;
}

/** Answers `incoming` with what the provider says to it. `caller` is who asks, for the ledger. */
export async function forward(
  router: Router,
  caller: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const id = uuid(router.clock.now());
  const turn_id = caller === 'suite' ? headerOf(incoming, 'x-vigil-turn') : null;
  await withIds(turn_id ? { call: id, turn: turn_id } : { call: id }, async () => {
    try {
      const asked = await read(incoming);
      await reserved(router, { id, caller, turn_id, asked }, incoming, outgoing);
    } catch (error) {
      const known =
        error instanceof ApiError ? error : new ApiError('api_error', `router: ${messageOf(error)}`);
      if (!(error instanceof ApiError)) router.log.error('call.failed', { error });
      if (!outgoing.headersSent) sendError(outgoing, known, id);
      else outgoing.destroy();
    }
  });
}

function headerOf(incoming: IncomingMessage, name: string): string | null {
  const value = incoming.headers[name];
  return typeof value === 'string' ? value : null;
}

/**
 * The request's body, and the little of it that the ledger must know. One that is too large is read to its end and
 * dropped: a client that is still sending would see a broken connection instead of the reason.
 */
async function read(incoming: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    bytes += chunk.length;
    if (bytes <= LONGEST_BODY_bytes) chunks.push(chunk);
    else chunks.length = 0;
  }
  if (bytes > LONGEST_BODY_bytes) {
    throw new ApiError('request_too_large', 'Request exceeds the maximum allowed number of bytes.');
  }
  const body = Buffer.concat(chunks);
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new ApiError('invalid_request_error', `The request body is not valid JSON: ${messageOf(error)}`);
  }
  if (typeof json?.model !== 'string') throw new ApiError('invalid_request_error', 'model: Field required');
  const max_tokens = typeof json.max_tokens === 'number' && json.max_tokens > 0 ? json.max_tokens : 0;
  return { model: json.model, max_tokens, stream: json.stream === true, json, body };
}

type Call = { id: string; caller: string; turn_id: string | null; asked: Asked };

/** How a call ended, as far as the provider goes. */
type Ending = {
  /** The request may have reached the provider. */
  sent: boolean;
  status: number | null;
  outcome: call.Bill['outcome'];
  error_type: string | null;
  request_id: string | null;
  reading: Reading;
  first_byte_ms: number | null;
};

async function reserved(router: Router, made: Call, incoming: IncomingMessage, outgoing: ServerResponse) {
  const { store, clock, provider } = router;
  const { id, caller, turn_id, asked } = made;
  const price = provider.name === 'rehearsal' ? FREE : priceOf(asked.model, clock.now(), {});
  if (!price)
    router.log.warn('price.missing', { model: asked.model }, 'the call counts, its cost is not known');
  const hold_nanousd = price ? worstOf(asked.json, asked.body.length, price).nanousd : null;
  const began = clock.mono();
  await store.commit([
    call.open({
      id,
      caller,
      turn_id,
      provider: provider.name,
      model: asked.model,
      stream: asked.stream,
      owner: router.instance,
      opened_at: clock.now(),
      hold_nanousd,
      price_rev: price?.rev ?? null,
    }),
  ]);
  const ending = await exchange(router, made, incoming, outgoing, began);
  const { usage, estimated } = usageOf(ending, asked);
  const latency_ms = Math.round(clock.mono() - began);
  const cost = usage && price ? cost_nanousd(price, usage) : hold_nanousd;
  router.log.info('call.settled', {
    model: asked.model,
    status: ending.status,
    outcome: ending.outcome,
    error_type: ending.error_type,
    output_tokens: usage?.output_tokens ?? null,
    cost_nanousd: cost,
    latency_ms,
  });
  const bill: call.Bill = {
    closed_at: clock.now(),
    status: ending.status,
    outcome: ending.outcome,
    error_type: ending.error_type,
    request_id: ending.request_id,
    usage: usage ?? NOTHING,
    estimated,
    cost_nanousd: cost,
    first_byte_ms: ending.first_byte_ms,
    latency_ms,
  };
  // The row of a bill that could not be written stays open, and the next router charges it in full.
  await router.persist([call.settle(id, bill)]);
}

/**
 * What the call used, as far as it can be known. A stream that broke off never said how long it was: no token is
 * shorter than a byte, and none is beyond max_tokens. Of a request that may have arrived, and brought neither an answer
 * nor a refusal, nothing is known (null), and all that it could cost counts as spent.
 */
function usageOf(
  { sent, status, reading }: Ending,
  asked: Asked,
): { usage: Usage | null; estimated: boolean } {
  const refused = (status !== null && status >= 300) || reading.error_type !== null;
  if (reading.complete) return { usage: reading.usage, estimated: false };
  if (!reading.begun)
    return sent && !refused ? { usage: null, estimated: true } : { usage: NOTHING, estimated: false };
  return { usage: brokenUsage(reading, asked.max_tokens), estimated: true };
}

/** Sends the request on and the answer back. Resolves with how it ended; the client has been told by then. */
async function exchange(
  router: Router,
  made: Call,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  began: number,
): Promise<Ending> {
  const { provider } = router;
  const { asked, id } = made;
  const ending: Ending = {
    sent: false,
    status: null,
    outcome: 'unreachable',
    error_type: null,
    request_id: null,
    reading: unread(),
    first_byte_ms: null,
  };

  const target = new URL(`${provider.base.href.replace(/\/$/, '')}${incoming.url ?? ''}`);
  const { request, agent } = await transport(target);
  const upstream = request(target, {
    method: 'POST',
    agent,
    headers: passedOn(incoming, provider, asked.body.length),
    ...(provider.socketPath ? { socketPath: provider.socketPath } : {}),
  });
  // Kept here, because a response that is under way says 'aborted', whatever its request was destroyed with.
  let why: ApiError | undefined;
  const breakOff = (reason: ApiError) => {
    why = reason;
    upstream.destroy(reason);
  };
  upstream.setTimeout(asked.stream ? router.idle_ms : WHOLE_ms, () =>
    breakOff(new ApiError('timeout_error', 'the provider went silent')),
  );
  let left = false;
  const leave = () => {
    if (outgoing.writableFinished) return;
    left = true;
    upstream.destroy();
  };
  outgoing.once('close', leave);
  if (outgoing.destroyed) leave(); // It left while the reservation was written.
  upstream.once('socket', (socket) => {
    if (!socket.connecting) ending.sent = true;
    else socket.once('connect', () => (ending.sent = true));
  });
  const stop = () => breakOff(new ApiError('api_error', 'the router is stopping', { status: 502 }));
  router.signal.addEventListener('abort', stop, { once: true });
  try {
    const answer = await answered(upstream, asked.body);
    ending.status = answer.statusCode ?? 0;
    ending.request_id = headerOf(answer, 'request-id');
    ending.first_byte_ms = Math.round(router.clock.mono() - began);
    const streams = String(answer.headers['content-type']).startsWith('text/event-stream');
    await (streams ? stream(answer, outgoing, ending, id) : whole(answer, outgoing, ending, id));
  } catch (error) {
    ending.outcome = left ? 'left' : ending.status === null ? 'unreachable' : 'cut';
    ending.error_type ??= 'api_error';
    if (!left) {
      router.log.warn('provider.failed', { outcome: ending.outcome, error: why ?? error });
      fail(outgoing, ending, provider, why ?? error, id);
    }
  } finally {
    router.signal.removeEventListener('abort', stop);
    outgoing.off('close', leave);
  }
  return ending;
}

function passedOn(
  incoming: IncomingMessage,
  provider: Provider,
  length: number,
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined && !NOT_PASSED.has(name) && !name.startsWith('x-vigil-')) headers[name] = value;
  }
  // Uncompressed, or the usage could not be read as it passes.
  return {
    ...headers,
    'x-api-key': provider.key,
    'content-length': String(length),
    'accept-encoding': 'identity',
  };
}

function answered(upstream: ClientRequest, body: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    upstream.once('response', resolve);
    // Stays for the life of the request: an error after the response is told by the response itself.
    upstream.on('error', reject);
    upstream.end(body);
  });
}

function headersBack(answer: IncomingMessage, id: string): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined && !NOT_PASSED.has(name)) headers[name] = value;
  }
  return { ...headers, 'x-vigil-call': id };
}

/** An answer in one piece is passed on when it is whole: half a JSON body is of no use to anybody. */
async function whole(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  ending: Ending,
  id: string,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  if (!answer.complete) throw new Error('the provider cut its answer off');
  const body = Buffer.concat(chunks);
  const ok = ending.status !== null && ending.status < 300;
  ending.reading = readWhole(body);
  ending.error_type = ending.reading.error_type;
  ending.outcome = ok ? 'ok' : 'refused';
  outgoing.writeHead(ending.status ?? 502, {
    ...headersBack(answer, id),
    'content-length': String(body.length),
  });
  outgoing.end(body);
}

/**
 * A stream is passed on event by event, no faster than the client reads. Of an event that was cut in the middle
 * nothing is passed on: the error that follows it would be taken for its end.
 */
async function stream(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  ending: Ending,
  id: string,
): Promise<void> {
  const follow = streamReader(ending.reading);
  outgoing.writeHead(ending.status ?? 502, headersBack(answer, id));
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    follow(chunk);
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const end = endOfEvents(bytes);
    rest = bytes.subarray(end);
    if (end > 0 && !outgoing.write(bytes.subarray(0, end))) await drained(outgoing);
  }
  if (!answer.complete) throw new Error('the provider cut its stream off');
  if (ending.reading.error_type) {
    // The provider has told the client itself.
    ending.error_type = ending.reading.error_type;
    ending.outcome = 'cut';
  } else if (!ending.reading.complete) {
    throw new Error('the provider ended its stream before message_stop');
  } else {
    ending.outcome = 'ok';
  }
  outgoing.end(rest);
}

/** Where the last whole event ends: after an empty line. 0 when there is none. */
function endOfEvents(bytes: Buffer): number {
  const [plain, carried] = [bytes.lastIndexOf('\n\n'), bytes.lastIndexOf('\r\n\r\n')];
  return Math.max(plain < 0 ? 0 : plain + 2, carried < 0 ? 0 : carried + 4);
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      outgoing.off('drain', done).off('close', gone);
      resolve();
    };
    const gone = () => {
      outgoing.off('drain', done).off('close', gone);
      reject(new Error('the client left'));
    };
    outgoing.once('drain', done).once('close', gone);
  });
}

/** Tells the client of a failure: as an error answer, or, in a stream that has begun, as an error event. */
function fail(
  outgoing: ServerResponse,
  ending: Ending,
  provider: Provider,
  error: unknown,
  id: string,
): void {
  const { type, status } = error instanceof ApiError ? error : { type: 'api_error' as const, status: 502 };
  const code = codeOf(error);
  const what = messageOf(error);
  const cause = code && !what.includes(code) ? `${what} (${code})` : what;
  const message = `router: ${provider.name} at ${provider.base.origin}: ${cause}`;
  if (!outgoing.headersSent) {
    sendError(outgoing, new ApiError(type, message, { status }), id);
    return;
  }
  outgoing.write(
    `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type, message }, request_id: id })}\n\n`,
  );
  outgoing.end();
  ending.error_type = type;
}
