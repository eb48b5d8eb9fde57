/**
 * `fetch`, as the API clients want it handed in, over node:http.
 *
 * Why not Node's own: its first Response or Headers costs each process 8 MB of private memory (measured on Node 24.21, Linux
 * x64), it cannot speak to a Unix socket without a further package, and it does not tell the one thing that decides
 * whether a message may be sent again: whether the request can have left at all.
 */

import type * as http from 'node:http';
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { pipeline } from 'node:stream/promises';

export type FetchOptions = {
  /** Speaks to this Unix socket, whatever the URL's host is. */
  socketPath?: string;
  /** An idle connection is closed after this time: the older it is, the likelier the next request meets its end. */
  idle_ms?: number;
  /** The proxies to go through, by the names and rules of the environment: HTTP_PROXY, HTTPS_PROXY, NO_PROXY. */
  proxies?: NodeJS.ProcessEnv;
};

/** The request certainly did not reach the other side: no connection was made. It may be sent again. */
export class NeverSent extends Error {
  override readonly name = 'NeverSent';
}

/** Whether an error of this `fetch`, as it is or wrapped by a client, proves that nothing was sent. */
export function neverSent(error: unknown): boolean {
  if (error instanceof NeverSent) return true;
  if (!(error instanceof Error)) return false;
  const { cause, error: inner } = error as { cause?: unknown; error?: unknown };
  return neverSent(cause) || neverSent(inner);
}

export function httpFetch(options: FetchOptions = {}): typeof fetch {
  const agentOptions = {
    keepAlive: true,
    timeout: options.idle_ms ?? 15_000,
    ...(options.proxies && { proxyEnv: options.proxies }),
  };
  const plain = { request, agent: new Agent(agentOptions) };
  let secure: { request: typeof http.request; agent: Agent } | undefined;

  // node:https is 4 MB: loaded by those alone who speak to the outside.
  async function transport(url: URL): Promise<{ request: typeof http.request; agent: Agent }> {
    if (url.protocol === 'http:') return plain;
    if (!secure) {
      const https = await import('node:https');
      secure = { request: https.request, agent: new https.Agent(agentOptions) };
    }
    return secure;
  }

  return async (input, init = {}) => {
    const url = new URL(String(input));
    const { request: send, agent } = await transport(url);
    const { body, signal, method = 'GET' } = init;
    const isStream = typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
    if (body !== undefined && body !== null && typeof body !== 'string' && !isStream) {
      throw new TypeError(`fetch ${url.host}: expected a string or a stream as the body, got ${typeof body}`);
    }
    const to: RequestOptions = {
      method,
      agent,
      headers: plainHeaders(init.headers),
      signal: signal ?? undefined,
    };
    if (options.socketPath) to.socketPath = options.socketPath;
    return new Promise((resolve, reject) => {
      const outgoing = send(url, to);
      let connected = false;
      outgoing.once('socket', (socket) => {
        // What came through a proxy is connected already.
        if (outgoing.reusedSocket || !socket.connecting) connected = true;
        else socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => (connected = true));
      });
      outgoing.once('error', (error) => {
        const { message } = error;
        reject(
          connected
            ? error
            : Object.assign(new NeverSent(message, { cause: error }), { code: codeIn(error) }),
        );
      });
      outgoing.once('response', (incoming) => resolve(responseOf(incoming)));
      if (!isStream) outgoing.end(body);
      // A stream that breaks destroys the request, whose own 'error' tells it.
      else pipeline(body as AsyncIterable<Uint8Array>, outgoing).catch(() => {});
    });
  };
}

function codeIn(error: Error): unknown {
  return (error as { code?: unknown }).code;
}

function plainHeaders(headers: RequestInit['headers']): Record<string, string> {
  if (!headers) return {};
  const pairs: Iterable<readonly [string, string]> =
    Symbol.iterator in headers
      ? (headers as Iterable<[string, string]>)
      : Object.entries(headers as Record<string, string>);
  return Object.fromEntries(pairs);
}

/** As much of a Response as the clients of Anthropic and Telegram use. */
function responseOf(incoming: IncomingMessage): Response {
  const values = Object.entries(incoming.headersDistinct).map(
    ([key, all = []]) => [key, all.join(', ')] as const,
  );
  const named = new Map(values);
  async function text(): Promise<string> {
    incoming.setEncoding('utf8');
    let whole = '';
    for await (const chunk of incoming) whole += chunk;
    return whole;
  }
  const status = incoming.statusCode ?? 0;
  const response = {
    status,
    statusText: incoming.statusMessage ?? '',
    ok: status >= 200 && status < 300,
    headers: { get: (name: string) => named.get(name.toLowerCase()) ?? null, entries: () => named.entries() },
    body: incoming,
    text,
    json: async () => JSON.parse(await text()),
  };
  // A stand-in on purpose: see the head of this file.
  return response as unknown as Response;
}
