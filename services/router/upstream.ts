/**
 * One attempt at one target: the request out, the answer back. A stream is held until its first content, so that a
 * failure before it can be kept from the client; from then on it flows event by event, no faster than the client reads,
 * and is never ended as if it were whole when it is not.
 */

import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import type { Clock } from '#shared/base/clock.ts';
import { codeOf, messageOf } from '#shared/base/errors.ts';
import { ApiError } from '#shared/messages/error.ts';
import type { Bill } from '#shared/tables/call.ts';
import { collected } from './body.ts';
import type { Provider } from './provider.ts';
import { type Reading, readWhole, streamReader, unread } from './usage.ts';
import type { Wire } from './wire.ts';

/** A whole answer is kept in memory until its end: one that is larger than any model writes is given up. */
export const LONGEST_ANSWER_bytes = 32 * 2 ** 20;
/** So much of an answer is kept for the record. */
export const LONGEST_RECORD_bytes = 4 * 2 ** 20;

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

/** What a client sends that its provider shall hear too. */
export function passedOn(incoming: IncomingHttpHeaders): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const name in incoming) {
    if (!NOT_PASSED.has(name) && !name.startsWith('x-vigil-')) headers[name] = incoming[name];
  }
  // Uncompressed, or the usage could not be read as it passes.
  headers['accept-encoding'] = 'identity';
  return headers;
}

/** What a provider answers with that its client shall hear too. */
export function passedBack(answer: IncomingHttpHeaders): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const name in answer) if (!NOT_PASSED.has(name)) headers[name] = answer[name];
  return headers;
}

/** Where an answer goes: a client's ServerResponse, or what stands for the clients of a step. */
export type Outlet = {
  readonly headersSent: boolean;
  /** Nobody is there to be told any more. */
  readonly destroyed: boolean;
  readonly writableNeedDrain: boolean;
  readonly writableFinished: boolean;
  writeHead(status: number, headers: OutgoingHttpHeaders): unknown;
  write(bytes: Buffer): boolean;
  end(bytes?: Buffer | string): unknown;
  destroy(): unknown;
  once(event: 'close' | 'drain', listener: () => void): unknown;
  off(event: 'close' | 'drain', listener: () => void): unknown;
};

export type Attempt = {
  provider: Provider;
  method: string;
  wire: Wire;
  /** `message`: only an answer that is whole is one. `json`: whatever comes. */
  expect: 'message' | 'json';
  streams: boolean;
  idle_ms: number;
  /** What is left of the time that the whole request may take. */
  left_ms: number;
  clock: Clock;
  /** null: nobody is told, and the answer is in the ending's `body`. */
  outgoing: Outlet | null;
  /** Aborts when the call must end; its reason is an ApiError, and what the client is told. */
  signal: AbortSignal;
  /** What the router itself says with the answer. */
  headers: OutgoingHttpHeaders;
  record: boolean;
};

/** How an attempt ended. */
export type Ending = {
  /** The request may have reached the provider. */
  sent: boolean;
  status: number | null;
  outcome: Bill['outcome'];
  /** What went wrong, for the client; null when nothing did, or the provider says it itself. */
  error: ApiError | null;
  error_type: string | null;
  /** The provider's headers; null when it did not answer. */
  answer: IncomingHttpHeaders | null;
  /** What nobody has been told yet: a refusal. */
  body: Buffer | null;
  /** The client has had the answer, or so much of it that nobody else can give it any more. */
  told: boolean;
  reading: Reading;
  /** When it was sent, on the monotonic clock. */
  began: number;
  /** From then to the first content; of an answer in one piece, to its headers. */
  first_byte_ms: number | null;
  /** What the client got, as far as it is kept. */
  record: Buffer[];
};

const connection = { keepAlive: true, timeout: 15_000, noDelay: true };
const plain = new Agent(connection);
let secure: { request: typeof httpRequest; agent: Agent } | undefined;

async function secureTransport(): Promise<{ request: typeof httpRequest; agent: Agent }> {
  const https = await import('node:https');
  secure ??= { request: https.request, agent: new https.Agent(connection) };
  return secure;
}

/** Resolves when it is over, whatever happens; what the client can be told by then, it has been told. */
export async function attempt(of: Attempt): Promise<Ending> {
  const { provider, wire, outgoing, clock } = of;
  const ending: Ending = {
    sent: false,
    status: null,
    outcome: 'unreachable',
    error: null,
    error_type: null,
    answer: null,
    body: null,
    told: false,
    reading: unread(),
    began: clock.mono(),
    first_byte_ms: null,
    record: [],
  };
  const { protocol, hostname, port, pathname } = provider.url;
  const overHttp = protocol === 'http:';
  const { request, agent } = overHttp
    ? { request: httpRequest, agent: plain }
    : (secure ?? (await secureTransport()));
  const upstream = request({
    protocol,
    hostname,
    port,
    path: (pathname === '/' ? '' : pathname) + wire.path,
    method: of.method,
    agent,
    headers: wire.headers,
    ...(provider.socketPath ? { socketPath: provider.socketPath } : {}),
  });
  // Kept here, because a response that is under way says 'aborted', whatever its request was destroyed with.
  let why: ApiError | undefined;
  let left = false;
  const breakOff = (reason: ApiError) => {
    why ??= reason;
    upstream.destroy(reason);
  };
  const silence = watch(of.idle_ms, () =>
    breakOff(new ApiError('timeout_error', `it said nothing for ${of.idle_ms / 1000} s`)),
  );
  // An answer in one piece says nothing before it is worked out.
  if (of.streams) silence.heard();
  /** A client that has stopped reading is let go: it would not hear of an end, and the provider is not at fault. */
  const end = (reason: ApiError) => (outgoing?.writableNeedDrain ? outgoing.destroy() : breakOff(reason));
  const late = setTimeout(
    () =>
      end(
        new ApiError(
          'timeout_error',
          'the answer was not there in time ([model] idle_s, [router] deadline_s)',
        ),
      ),
    of.left_ms,
  );
  const leave = () => {
    if (outgoing?.writableFinished) return;
    left = true;
    upstream.destroy();
  };
  const stop = () => end(of.signal.reason);
  outgoing?.once('close', leave);
  of.signal.addEventListener('abort', stop, { once: true });
  if (outgoing?.destroyed) leave(); // It left while the reservation was written.
  if (of.signal.aborted) stop();
  upstream.once('socket', (socket) => {
    if (!socket.connecting) ending.sent = true;
    else socket.once(overHttp ? 'connect' : 'secureConnect', () => (ending.sent = true));
  });
  try {
    const answer = await answered(upstream, wire.body);
    ending.status = answer.statusCode ?? 0;
    ending.answer = answer.headers;
    ending.first_byte_ms = Math.round(clock.mono() - ending.began);
    silence.heard();
    const streams = ending.status < 300 && answer.headers['content-type']?.startsWith('text/event-stream');
    await (streams && outgoing
      ? flow(of, outgoing, answer, ending, silence)
      : gather(of, answer, ending, silence));
  } catch (error) {
    // Broken off by us, it says nothing about the provider.
    const stopped = why === of.signal.reason ? why : undefined;
    ending.outcome = left || stopped ? 'left' : ending.status === null ? 'unreachable' : 'cut';
    if (!left) {
      const told = stopped ?? explained(provider, why ?? error);
      ending.error = told;
      ending.error_type = told.type;
      if (ending.told && outgoing) tell(outgoing, ending);
    }
  } finally {
    silence.end();
    clearTimeout(late);
    of.signal.removeEventListener('abort', stop);
    outgoing?.off('close', leave);
  }
  return ending;
}

type Silence = { heard(): void; end(): void };

/** Calls `fell` when nothing was heard for so long; before the first word, and after the end, it is not on. */
export function watch(ms: number, fell: () => void): Silence {
  let timer: NodeJS.Timeout | undefined;
  return {
    heard() {
      if (timer) timer.refresh();
      else timer = setTimeout(fell, ms);
    },
    end() {
      clearTimeout(timer);
      timer = undefined;
    },
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

/** An answer in one piece is passed on when it is whole: half a JSON body is of no use to anybody. */
async function gather(of: Attempt, answer: IncomingMessage, ending: Ending, silence: Silence): Promise<void> {
  const came = await collected(answer, LONGEST_ANSWER_bytes, silence.heard);
  if (came.bytes > LONGEST_ANSWER_bytes) {
    throw new Error(`its answer is longer than ${LONGEST_ANSWER_bytes / 2 ** 20} MB`);
  }
  const status = ending.status ?? 502;
  const body = of.wire.answer(status, came.body);
  ending.record.push(body);
  ending.reading = (of.wire.read ?? readWhole)(body);
  ending.error_type = ending.reading.error_type;
  if (status >= 300) {
    ending.outcome = 'refused';
    ending.body = body;
    return;
  }
  if (of.expect === 'message' && !ending.reading.complete)
    throw new Error('its answer is none to what was asked');
  ending.outcome = 'ok';
  if (!of.outgoing) {
    ending.body = body;
    return;
  }
  ending.told = true;
  of.outgoing.writeHead(status, {
    ...passedBack(answer.headers),
    ...of.headers,
    'content-length': body.length,
  });
  of.outgoing.end(body);
}

/**
 * Of an event that was cut in the middle nothing is passed on: the error that follows it would be taken for its end.
 * Nor of a chunk with nonsense in it.
 */
async function flow(
  of: Attempt,
  outgoing: Outlet,
  answer: IncomingMessage,
  ending: Ending,
  silence: Silence,
): Promise<void> {
  const { reading } = ending;
  const follow = streamReader(reading);
  const translator = of.wire.stream?.();
  let rest: Buffer = Buffer.alloc(0);
  let kept = 0;

  function begin(): void {
    ending.told = true;
    ending.first_byte_ms = Math.round(of.clock.mono() - ending.began);
    outgoing.writeHead(ending.status ?? 502, {
      ...passedBack(answer.headers),
      ...(translator ? { 'content-type': 'text/event-stream; charset=utf-8' } : {}),
      ...of.headers,
    });
  }

  /** Passes on the events that are whole by now. False when the client cannot keep up. */
  function pass(chunk: Buffer): boolean {
    const came = translator ? Buffer.from(translator.feed(chunk)) : chunk;
    follow(came);
    if (reading.malformed) throw new Error('its stream holds an event that is no JSON');
    const bytes = rest.length > 0 ? Buffer.concat([rest, came]) : came;
    if (!ending.told && !reading.content) {
      // An error before any content can still be answered by somebody else.
      if (reading.error_type !== null) answer.destroy();
      rest = bounded(bytes);
      return true;
    }
    if (!ending.told) begin();
    const end = endOfEvents(bytes);
    rest = bounded(bytes.subarray(end));
    if (end === 0) return true;
    const events = bytes.subarray(0, end);
    // A copy: the piece itself would hold the whole buffer that the connection was read into.
    if (of.record && kept < LONGEST_RECORD_bytes) ending.record.push(Buffer.from(events));
    kept += events.length;
    return outgoing.write(events);
  }

  await flowed(answer, pass, outgoing, silence).catch((error) => {
    if (reading.error_type === null || ending.told) throw error;
  });
  if (reading.error_type !== null && !ending.told) {
    ending.outcome = 'cut';
    ending.error_type = reading.error_type;
    ending.body = Buffer.from(errorIn(rest));
    return;
  }
  // Some servers of Chat Completions end without saying so.
  const last = Buffer.from(translator?.end() ?? '');
  follow(last);
  rest = Buffer.concat([rest, last]);
  if (reading.error_type !== null) {
    // The provider has told the client itself.
    ending.error_type = reading.error_type;
    ending.outcome = 'cut';
  } else if (!reading.complete) {
    throw new Error('it ended its stream before message_stop');
  } else {
    ending.outcome = 'ok';
    if (!ending.told) begin();
  }
  outgoing.end(rest);
}

/** What has not come to the end of its event yet. */
function bounded(rest: Buffer): Buffer {
  if (rest.length > LONGEST_RECORD_bytes) throw new Error('its stream holds an event without an end');
  return rest;
}

/**
 * Hands on what comes, no faster than the client reads. Chunks that were read from the connection together go on
 * together, before anything else is done. Rejects unless the answer came to its end.
 */
function flowed(
  answer: IncomingMessage,
  pass: (chunk: Buffer) => boolean,
  outgoing: Outlet,
  silence: Silence,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let came: Buffer[] = [];

    function handOn(): void {
      const [first, ...others] = came;
      came = [];
      if (!first) return;
      try {
        if (pass(others.length > 0 ? Buffer.concat([first, ...others]) : first)) return;
      } catch (error) {
        reject(error);
        answer.destroy();
        return;
      }
      // How long the client takes to read says nothing about the provider.
      silence.end();
      answer.pause();
      outgoing.once('drain', () => {
        silence.heard();
        answer.resume();
      });
    }

    answer.on('data', (chunk: Buffer) => {
      silence.heard();
      if (came.push(chunk) === 1) process.nextTick(handOn);
    });
    answer.once('end', () => {
      handOn();
      if (answer.complete) resolve();
      else reject(new Error('it cut its stream off'));
    });
    answer.once('error', (error) => {
      handOn();
      reject(error);
    });
    answer.once('close', () => {
      if (!answer.readableEnded) reject(new Error('it cut its stream off'));
    });
  });
}

/** The envelope that an error event carries. */
function errorIn(events: Buffer): string {
  const lines = events.toString('utf8').split('\n');
  return (
    lines
      .findLast((line) => line.startsWith('data:') && line.includes('"error"'))
      ?.slice(5)
      .trim() ?? ''
  );
}

/** Where the last whole event ends: after an empty line. 0 when there is none. */
function endOfEvents(bytes: Buffer): number {
  const [plain, carried] = [bytes.lastIndexOf('\n\n'), bytes.lastIndexOf('\r\n\r\n')];
  return Math.max(plain < 0 ? 0 : plain + 2, carried < 0 ? 0 : carried + 4);
}

function explained(provider: Provider, error: unknown): ApiError {
  const { type, status } = error instanceof ApiError ? error : { type: 'api_error' as const, status: 502 };
  const code = codeOf(error);
  const what = messageOf(error);
  const cause = code && !what.includes(code) ? `${what} (${code})` : what;
  return new ApiError(type, `router: ${provider.name} at ${provider.url.origin}: ${cause}`, {
    status,
  });
}

/** The last thing in a stream that broke. */
function tell(outgoing: Outlet, { error, record }: Ending): void {
  if (!error) return;
  const { type, message } = error;
  const event = `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type, message } })}\n\n`;
  record.push(Buffer.from(event));
  outgoing.end(event);
}
