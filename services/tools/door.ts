/**
 * One program's way out of the sandbox: an HTTP proxy (CONNECT, and plain HTTP) that knows whom this program may reach.
 * Its list is bound to the door: a Unix socket that is mounted into its sandbox and no other, or, where a program can only
 * be let to a port (macOS), a port that asks for a secret.
 *
 * What is said behind an allowed host is not seen: who may speak TLS to it may name any host inside.
 */

import { randomBytes } from 'node:crypto';
import { chmodSync, rmSync } from 'node:fs';
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import { connect, type Socket } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import { codeOf, messageOf } from '#shared/base/errors.ts';
import { plain, type Reach, Refused, wayTo } from './address.ts';

export type Door = {
  at: { path: string } | { port: number; secret: string };
  /** Hosts that were asked for and refused, so far. */
  refused(): string[];
  close(): void;
};

/** Told of each connection: how it went, since `begun` on the monotonic clock. */
export type Record = (target: string, begun: number, status: string) => void;

const CONNECT_ms = 15_000;
/** A program in a loop must not fill the memory with names. */
const REFUSED_most = 100;

/** @param at the Unix socket to listen at; null: a port of this machine, with a secret */
export async function openDoor(at: string | null, reach: Reach, record: Record): Promise<Door> {
  const refused = new Set<string>();
  const secret = at === null ? randomBytes(24).toString('base64url') : '';
  const key = `Basic ${Buffer.from(`vigil:${secret}`).toString('base64')}`;

  async function way(host: string, port: number, asked: IncomingMessage) {
    if (secret && asked.headers['proxy-authorization'] !== key)
      throw new Refused(host, 'is asked for without the secret');
    return wayTo(host, port, reach);
  }

  /** @returns what the program is told */
  function failed(error: unknown, target: string, begun: number): { status: number; text: string } {
    const text = `${messageOf(error)}\n`;
    if (!(error instanceof Refused)) {
      record(target, begun, codeOf(error) || 'failed');
      return { status: 502, text };
    }
    if (refused.size < REFUSED_most) refused.add(error.host);
    record(target, begun, 'refused');
    return { status: 403, text };
  }

  /** Plain HTTP: the request's target is a whole URL (RFC 9112, 3.2.2). */
  async function forward(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const begun = performance.now();
    const url = URL.parse(asked.url ?? '');
    const port = Number(url?.port) || 80;
    const target = url ? `${plain(url.hostname)}:${port}` : '?';
    const fail = (error: unknown) => {
      const { status, text } = failed(error, target, begun);
      if (answer.headersSent) answer.destroy();
      else answer.writeHead(status, { 'content-type': 'text/plain', connection: 'close' }).end(text);
    };
    try {
      if (url?.protocol !== 'http:') throw new Error('egress: expected an http:// address, or CONNECT');
      const lookup = await way(plain(url.hostname), port, asked);
      const out = request(url, {
        method: asked.method,
        headers: forTheHost(asked, url),
        lookup,
        agent: false,
      });
      giveUpLate(out, target);
      out.on('response', (response) => {
        record(target, begun, String(response.statusCode));
        answer.writeHead(response.statusCode ?? 502, response.headers);
        pipeline(response, answer, () => {});
      });
      out.on('error', fail);
      pipeline(asked, out, () => {});
      answer.on('close', () => out.destroy());
    } catch (error) {
      fail(error);
    }
  }

  async function tunnel(asked: IncomingMessage, inner: Duplex, head: Buffer): Promise<void> {
    const begun = performance.now();
    const [, name = '', digits = ''] = /^(.+):(\d{1,5})$/.exec(asked.url ?? '') ?? [];
    const [host, port] = [plain(name), Number(digits)];
    const target = `${host}:${port}`;
    const fail = (error: unknown) => {
      const { status, text } = failed(error, target, begun);
      inner.end(`HTTP/1.1 ${status} Refused\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n${text}`);
    };
    inner.on('error', () => inner.destroy());
    try {
      const outer = connect({ host, port, lookup: await way(host, port, asked) });
      const late = setTimeout(() => outer.destroy(new Error(`${target} does not answer`)), CONNECT_ms);
      outer.on('close', () => clearTimeout(late));
      outer.on('error', fail);
      outer.on('connect', () => {
        clearTimeout(late);
        outer.off('error', fail);
        record(target, begun, 'ok');
        inner.write('HTTP/1.1 200 Connected\r\n\r\n');
        outer.write(head);
        pipeline(inner, outer, inner, () => {});
      });
      inner.on('close', () => outer.destroy());
    } catch (error) {
      fail(error);
    }
  }

  const server = createServer(forward).on('connect', tunnel);
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at === null ? { host: '127.0.0.1', port: 0 } : { path: at }, resolve);
  });
  if (at !== null) chmodSync(at, 0o600);
  const address = server.address();
  return {
    at: typeof address === 'object' && address ? { port: address.port, secret } : { path: at ?? '' },
    refused: () => [...refused],
    close() {
      server.close();
      for (const socket of open) socket.destroy();
      if (at !== null) rmSync(at, { force: true });
    },
  };
}

/** Gives a host up that does not take the connection. */
export function giveUpLate(out: ClientRequest, target: string): void {
  const late = setTimeout(() => out.destroy(new Error(`${target} does not answer`)), CONNECT_ms);
  const done = () => clearTimeout(late);
  out.on('socket', (socket) => socket.once('connect', done)).on('close', done);
}

/** What of a program's headers is for the host, not for the proxy (RFC 9110, 7.6.1). */
function forTheHost(asked: IncomingMessage, url: URL): { [name: string]: string | string[] } {
  const ours = new Set(['host', 'connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade']);
  for (const name of (asked.headers.connection ?? '').split(',')) ours.add(name.trim().toLowerCase());
  const theirs = Object.entries(asked.headersDistinct).flatMap(([name, values]) =>
    ours.has(name) || name.startsWith('proxy-') || !values ? [] : [[name, values] as const],
  );
  return { ...Object.fromEntries(theirs), host: url.host };
}
