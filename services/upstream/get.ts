/**
 * Gets what is outside, within bounds: whoever answers may do so slowly, endlessly, packed into a bomb, or by sending us on
 * and on. Where a redirect leads is a stranger's word: not into the owner's own network.
 */

import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { httpFetch } from '#shared/base/fetch.ts';
import type { Config } from './config.ts';

const MOST_bytes = 2 ** 20;
const MOST_redirects = 5;
const LIMIT_ms = 15_000;

export type Got = {
  status: number;
  /** Where it was found at last. */
  url: string;
  text: string;
  /** It went on. */
  cut: boolean;
  /** Until its head was there. */
  latency_ms: number;
  header(name: string): string | null;
};

export type Asked = {
  headers?: Record<string, string>;
  /** It is posted, as JSON. */
  body?: string;
  /** Goes where it is sent; otherwise the redirect is the answer. */
  follow?: boolean;
  limit_ms?: number;
};

export type Get = (url: string, asked?: Asked) => Promise<Got>;

/** @param env where the proxies stand when the config names none */
export function getter(
  config: Pick<Config, 'proxy' | 'no_proxy'>,
  signal: AbortSignal,
  env = process.env,
): Get {
  const proxies = config.proxy
    ? { HTTP_PROXY: config.proxy, HTTPS_PROXY: config.proxy, NO_PROXY: config.no_proxy }
    : env;
  const fetch = httpFetch({ proxies, idle_ms: 1000 });
  return async (url, { headers = {}, body, follow = true, limit_ms = LIMIT_ms } = {}) => {
    const limit = AbortSignal.timeout(limit_ms);
    const began = performance.now();
    let at = new URL(url);
    for (let redirects = 0; ; redirects++) {
      const answer = await fetch(at.href, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          'user-agent': 'vigil',
          'accept-encoding': 'identity',
          ...headers,
          ...(body !== undefined && {
            'content-type': 'application/json',
            'content-length': String(Buffer.byteLength(body)),
          }),
        },
        ...(body !== undefined && { body }),
        signal: AbortSignal.any([signal, limit]),
      }).catch((error) => {
        throw limit.aborted ? slow(limit_ms) : error;
      });
      const latency_ms = Math.round(performance.now() - began);
      const location = answer.headers.get('location');
      const next =
        follow && answer.status >= 300 && answer.status < 400 && location !== null
          ? URL.parse(location, at.href)
          : null;
      const incoming = answer.body as unknown as AsyncIterable<Buffer> & { destroy(): void };
      if (next === null) {
        const { bytes, cut } = await bytesOf(incoming).catch((error) => {
          throw limit.aborted ? slow(limit_ms) : error;
        });
        const text = textOf(
          await unpacked(bytes, cut, answer.headers.get('content-encoding')),
          answer.headers.get('content-type'),
        );
        return { status: answer.status, url: at.href, text, cut, latency_ms, header: answer.headers.get };
      }
      incoming.destroy();
      if (redirects === MOST_redirects) throw new Error(`it redirects more than ${MOST_redirects} times`);
      if (!/^https?:$/.test(next.protocol)) throw new Error(`it redirects to ${next.protocol}`);
      if (next.host !== at.host && next.hostname !== new URL(url).hostname && (await isOwn(next.hostname))) {
        throw new Error(`it redirects into the network at home, to ${next.host}`);
      }
      at = next;
    }
  };
}

function slow(limit_ms: number): Error {
  return Object.assign(new Error(`no whole answer within ${limit_ms / 1000} s`), { code: 'ETIMEDOUT' });
}

async function bytesOf(incoming: AsyncIterable<Buffer>): Promise<{ bytes: Buffer; cut: boolean }> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_bytes) break;
  }
  return { bytes: Buffer.concat(chunks).subarray(0, MOST_bytes), cut: length > MOST_bytes };
}

/** Nothing packed was asked for; some pack all the same. */
async function unpacked(bytes: Buffer, cut: boolean, encoding: string | null): Promise<Buffer> {
  if (encoding === null || encoding === '' || encoding === 'identity') return bytes;
  if (!/^(x-)?gzip$|^deflate$|^br$/.test(encoding))
    throw new Error(`it answers packed as ${encoding.slice(0, 40)}`);
  if (cut) throw new Error(`its packed answer is longer than ${MOST_bytes / 2 ** 20} MB`);
  const { brotliDecompressSync, unzipSync } = await import('node:zlib');
  try {
    return (encoding === 'br' ? brotliDecompressSync : unzipSync)(bytes, { maxOutputLength: MOST_bytes });
  } catch (error) {
    throw new Error(
      `its answer, packed as ${encoding}, cannot be unpacked, or is longer than ${MOST_bytes / 2 ** 20} MB`,
      {
        cause: error,
      },
    );
  }
}

/** By the server's word, or the document's own, else UTF-8. */
function textOf(bytes: Buffer, type: string | null): string {
  const head = bytes.subarray(0, 1024).toString('latin1');
  const named =
    /charset=["']?([\w-]+)/i.exec(`${type ?? ''} ${head}`)?.[1] ?? /encoding=["']([\w-]+)/.exec(head)?.[1];
  try {
    return new TextDecoder(named ?? 'utf-8').decode(bytes);
  } catch {
    // A charset that there is not.
    return bytes.toString('utf8');
  }
}

const own = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  own.addSubnet(net, bits);
}
for (const [net, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  own.addSubnet(net, bits, 'ipv6');
}

async function isOwn(hostname: string): Promise<boolean> {
  const host = hostname.replace(/^\[|\]$/g, '');
  // Behind a proxy it may be that only the proxy knows the name: then it is the proxy's to judge.
  const addresses = isIP(host)
    ? [host]
    : (await lookup(host, { all: true }).catch(() => [])).map(({ address }) => address);
  return addresses.some((address) => own.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'));
}
