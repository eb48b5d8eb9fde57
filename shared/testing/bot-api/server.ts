/**
 * The HTTP side: reads a request, lets an injected fault strike, calls the method, answers, and writes the call
 * down. It never waits unless a rule or a fault says so.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from './fault.ts';
import type { Method } from './methods.ts';
import { type Answer, failure, Refusal, tooManyRequests } from './refusal.ts';
import { readArgs, readBody, readFilePath, readPath } from './request.ts';

/** One request, as the server saw it. */
export type CallRecord = {
  seq: number;
  /** When it had been read whole: milliseconds since the epoch, with fractions. */
  at_ms: number;
  method: string;
  args: { [name: string]: string };
  /** The HTTP status that was sent; 0 while there is none. */
  status: number;
  /** 'ok', a refusal's description, `fault: …`, 'client gone', or 'pending'. */
  outcome: string;
  took_ms: number;
};

const calls_kept = 10_000;
/** How long a stopping server waits for answers under way. */
const drain_ms = 500;

export const wallMs = () => performance.timeOrigin + performance.now();

export type ServerParts = {
  methods: { [name: string]: Method };
  checkToken: (token: string) => void;
  /** A file, by the path that getFile gave. */
  download: (path: string) => Buffer;
  strike: (method: string) => Fault | undefined;
  /** Told of each call once it is read, before it takes effect. */
  heard: (call: CallRecord) => void;
  /** Told after each call: what the bot sent may have grown. */
  afterCall: () => void;
};

export function createApiServer({ methods, checkToken, download, strike, heard, afterCall }: ServerParts) {
  /** Query.cpp: methods are found in any case. */
  const by_lower_name = new Map(
    Object.entries(methods).map(([name, method]) => [name.toLowerCase(), { name, method }]),
  );
  const calls: CallRecord[] = [];
  let last_seq = 0;
  const under_way = new Set<Promise<void>>();
  let port = 0;
  const server = createServer({ noDelay: true, keepAliveTimeout: 0 }, (request, response) => {
    const handled = handle(request, response)
      .catch((error: unknown) => {
        // HttpReader.cpp: what is not understood as HTTP gets a status and no body.
        if (error instanceof Refusal) response.writeHead(error.status, { connection: 'close' }).end();
        else if (request.complete) throw error; // else the client left in the middle: nothing has happened yet
      })
      .finally(() => under_way.delete(handled));
    under_way.add(handled);
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'POST') {
      response.writeHead(501, { connection: 'close' }).end(); // HttpReader.cpp: Not Implemented
      return;
    }
    const body = await readBody(request);
    const at_ms = wallMs();
    const [, pathname = '', query = ''] = /^([^?#]*)\??([^#]*)/.exec(request.url ?? '') ?? [];
    const path = readPath(pathname);
    const file = readFilePath(pathname);
    const { args, files } = await readArgs(
      new URLSearchParams(query),
      request.headers['content-type'] ?? '',
      body,
    );
    const wanted = file ? 'download' : path?.method || (args.get('method') ?? '');
    const method = by_lower_name.get(wanted.toLowerCase());
    last_seq += 1;
    const record: CallRecord = {
      seq: last_seq,
      at_ms,
      method: method?.name ?? wanted,
      args: Object.fromEntries([
        ...args,
        ...[...files].map(([name, { bytes }]) => [name, `${bytes.length} bytes`]),
      ]),
      status: 0,
      outcome: 'pending',
      took_ms: 0,
    };
    calls.push(record);
    if (calls.length > calls_kept) calls.shift();
    heard(record);
    const finish = (outcome: string, status = 0) =>
      Object.assign(record, { outcome, status, took_ms: wallMs() - at_ms } satisfies Partial<CallRecord>);

    const fault = strike(record.method);
    if (fault?.kind === 'hang' || fault?.kind === 'drop_before') {
      finish(`fault: ${fault.kind}`);
      if (fault.kind === 'drop_before') response.destroy();
      return;
    }
    const answer = await settle(async () => {
      if (fault?.kind === 'status') return gatewayAnswer(fault.status, fault.body);
      if (fault?.kind === 'too_many_requests') throw tooManyRequests(fault.retry_after_s);
      if (file) {
        checkToken(file.token);
        return { status: 200, body: '', bytes: download(file.path) };
      }
      if (!path) throw new Refusal(404, 'Not Found');
      checkToken(path.token);
      if (!method) throw new Refusal(404, 'Not Found: method not found');
      const onGone = (listener: () => void) => void response.once('close', listener);
      return await method.method({ seq: record.seq, at_ms, args, files, onGone });
    });
    afterCall();
    if (response.destroyed) finish('client gone');
    else if (fault?.kind === 'drop_after') {
      finish('fault: drop_after');
      response.destroy();
    } else {
      finish(fault ? `fault: ${fault.kind}` : outcomeOf(answer), answer.status);
      await send(response, answer, fault);
    }
  }

  return {
    calls,
    get port() {
      return port;
    },
    /** Opens the port, the same one each time. */
    async open(wanted_port: number): Promise<void> {
      if (server.listening) return;
      server.listen(port || wanted_port, '127.0.0.1');
      await once(server, 'listening');
      port = (server.address() as AddressInfo).port;
    },
    /** Closes the port and breaks every connection: clients are refused from now on. */
    async cut(): Promise<void> {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
    /** Takes no more requests, lets those under way be answered for a moment, and closes. */
    async drain(): Promise<void> {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      await Promise.race([Promise.allSettled(under_way), delay(drain_ms, undefined, { ref: false })]);
      server.closeAllConnections();
      await closed;
    },
  };
}

async function settle(call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof Refusal) return failure(error);
    console.error(error); // a bug of this server: seen by whoever runs the test, and never taken for a real answer
    return failure(new Refusal(500, `Internal Server Error: bug in the test server: ${error}`));
  }
}

function gatewayAnswer(status: number, body: 'json' | 'html' = 'json'): Answer {
  if (body === 'json') return failure(new Refusal(status, 'Bad Gateway'));
  return {
    status,
    body: `<html><head><title>${status}</title></head><body>nginx</body></html>`,
    is_html: true,
  };
}

const outcomeOf = (answer: Answer) =>
  answer.status === 200 ? 'ok' : String(JSON.parse(answer.body).description);

async function send(response: ServerResponse, answer: Answer, fault: Fault | undefined): Promise<void> {
  const whole = answer.bytes ?? Buffer.from(answer.body);
  const body = fault?.kind === 'truncate' ? whole.subarray(0, whole.length >> 1) : whole;
  if (answer.retry_after_s !== undefined) response.setHeader('retry-after', answer.retry_after_s);
  response.writeHead(answer.status, {
    'content-type': answer.bytes
      ? 'application/octet-stream'
      : answer.is_html
        ? 'text/html'
        : 'application/json',
    'content-length': body.length,
  });
  if (fault?.kind === 'slow') {
    const pieces = 10;
    for (let piece = 0; piece < pieces && !response.destroyed; piece++) {
      await delay(fault.over_ms / pieces);
      response.write(body.subarray((body.length * piece) / pieces, (body.length * (piece + 1)) / pieces));
    }
  }
  response.end(fault?.kind === 'slow' ? undefined : body);
}
