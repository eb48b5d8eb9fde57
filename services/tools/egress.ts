/**
 * The way out to the network: for the service itself (`fetch`), and for each program in the sandbox (`admit`), which has
 * no other. Refused are hosts that are not on the caller's list, and addresses of this machine and its networks, unless
 * the host is named as one of those; each redirect is judged anew. Every connection is a row of external_call.
 */

import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { dirname, join } from 'node:path';
import { PassThrough, pipeline, Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { codeOf } from '#shared/base/errors.ts';
import type { Log } from '#shared/base/log.ts';
import { prepareSocket, socketOf } from '#shared/runtime/home.ts';
import * as external_call from '#shared/tables/external_call.ts';
import { plain, type Reach, Refused, wayTo } from './address.ts';
import { type Door, giveUpLate, openDoor, type Record } from './door.ts';
import type { Behalf, Egress, Tools } from './registry.ts';

const REDIRECTS_most = 10;

export type Gate = Egress & {
  /** Opens a way out for one program. */
  admit(reach: Reach, behalf: Behalf): Promise<Door>;
};

export function openEgress({
  home,
  store,
  log,
  clock,
}: Pick<Tools, 'home' | 'store' | 'clock'> & { log: Pick<Log, 'warn'> }): Gate {
  const doors = new Set<Door>();
  const folder = dirname(socketOf(home, 'egress'));
  prepareSocket(join(folder, 'egress'));
  // Left by a process that was killed: nobody listens there any more.
  for (const name of readdirSync(folder)) {
    if (/^egress-.*\.sock$/.test(name)) rmSync(join(folder, name), { force: true });
  }

  function recorder({ action, payload, turn_id }: Behalf): Record {
    return (target, begun, status) => {
      const latency_ms = Math.round(performance.now() - begun);
      const at = clock.now();
      const row = { service: 'tools', target, action, payload, status, latency_ms, retries: 0, turn_id, at };
      // The connection is not held up for its record.
      store
        .commit([external_call.record(row)])
        .catch((error) => log.warn('external_call.unwritten', { target, status, error }));
    };
  }

  async function send(url: URL, sending: Sending, reach: Reach, record: Record): Promise<IncomingMessage> {
    const begun = performance.now();
    const secure = url.protocol === 'https:';
    const port = Number(url.port) || (secure ? 443 : 80);
    const target = `${plain(url.hostname)}:${port}`;
    const { body, ...how } = sending;
    try {
      const lookup = await wayTo(plain(url.hostname), port, reach);
      const options: RequestOptions = { ...how, lookup, agent: false };
      // node:https is 4 MB: not before somebody speaks to the outside.
      const out = secure ? (await import('node:https')).request(url, options) : request(url, options);
      giveUpLate(out, target);
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        out.on('response', resolve).on('error', reject).end(body);
      });
      record(target, begun, String(response.statusCode));
      return response;
    } catch (error) {
      record(target, begun, error instanceof Refused ? 'refused' : codeOf(error) || 'failed');
      throw error;
    }
  }

  return {
    async admit(reach, behalf) {
      const port = process.platform === 'darwin';
      const path = socketOf(home, `egress-${randomBytes(6).toString('hex')}`);
      const door = await openDoor(port ? null : path, reach, recorder(behalf));
      doors.add(door);
      return {
        ...door,
        close() {
          doors.delete(door);
          door.close();
        },
      };
    },
    async fetch(
      address,
      { hosts, private: lan = [], signal, most_bytes, method = 'GET', headers, body, behalf },
    ) {
      const record = recorder(behalf ?? { action: 'fetch', payload: null, turn_id: null });
      let url = new URL(address);
      let sending: Sending = { method, headers: asSent(headers), body, signal };
      for (let hops = 0; ; hops++) {
        if (!/^https?:$/.test(url.protocol)) throw new Refused(url.href, 'is not http or https');
        if (url.username || url.password)
          throw new Refused(url.host, 'is not told a password in its address');
        const response = await send(url, sending, { hosts, lan }, record);
        const status = response.statusCode ?? 502;
        const { location } = response.headers;
        if (!location || ![301, 302, 303, 307, 308].includes(status)) {
          return answered(response, status, url, hops > 0, most_bytes);
        }
        response.destroy();
        if (hops === REDIRECTS_most)
          throw new Error(`egress: ${address} redirects more than ${REDIRECTS_most} times`);
        const next = new URL(location, url);
        sending = redirected(sending, status, next.origin === url.origin);
        url = next;
      }
    },
    async close() {
      for (const door of doors) door.close();
    },
  };
}

type Sending = {
  method: string;
  headers: { [name: string]: string };
  body: string | Uint8Array | undefined;
  signal: AbortSignal;
};

/** Answers come as they are, or packed in one of the ways that `answered` unpacks. */
function asSent(headers: Readonly<{ [name: string]: string }> = {}): { [name: string]: string } {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return {
    'user-agent': 'Vigil',
    accept: '*/*',
    'accept-encoding': 'gzip, deflate, br',
    ...Object.fromEntries(lower),
  };
}

/** As browsers do (Fetch: HTTP-redirect fetch). What was meant for one host, keys above all, is not shown to another. */
function redirected(sent: Sending, status: number, sameOrigin: boolean): Sending {
  const asGet = status === 303 || (status < 303 && sent.method === 'POST');
  const keep = (name: string) =>
    (sameOrigin || /^(accept|user-agent)/.test(name)) && !(asGet && name.startsWith('content-'));
  const headers = Object.fromEntries(Object.entries(sent.headers).filter(([name]) => keep(name)));
  if (!asGet && !sameOrigin && sent.body !== undefined) {
    throw new Error('egress: expected an answer to what was sent, got a redirect to another host');
  }
  return { ...sent, headers, ...(asGet && { method: 'GET', body: undefined }) };
}

/** The answer unpacked, and its body cut at `most_bytes`: a small one may unpack to an endless one. */
async function answered(
  response: IncomingMessage,
  status: number,
  url: URL,
  wasRedirected: boolean,
  most_bytes: number,
): Promise<Response> {
  const zlib = await import('node:zlib');
  const unpackers = { gzip: zlib.createGunzip, deflate: zlib.createInflate, br: zlib.createBrotliDecompress };
  const packed = response.headers['content-encoding'];
  const unpack = Object.entries(unpackers).find(([name]) => name === packed)?.[1];
  const plainly = pipeline(response, unpack?.() ?? new PassThrough(), () => {});
  async function* bounded() {
    let left = most_bytes;
    for await (const chunk of plainly) {
      yield chunk.subarray(0, left);
      left -= chunk.length;
      if (left <= 0) return;
    }
  }
  const headers = Object.entries(response.headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  );
  const empty = [204, 205, 304].includes(status);
  const body: ReadableStream = Readable.toWeb(Readable.from(bounded(), { objectMode: false }));
  const made = new Response(empty ? null : (body as ConstructorParameters<typeof Response>[0]), {
    status,
    headers,
  });
  // A Response that one makes oneself has no address of its own.
  Object.defineProperties(made, { url: { value: url.href }, redirected: { value: wasRedirected } });
  return made;
}
