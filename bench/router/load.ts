/** Load over keep-alive connections, each one call after the other, written and read as bytes: the less it costs, the less it blurs. */

import { connect, type Socket } from 'node:net';

export type Call = { first_ms: number; total_ms: number };

export type Load = { calls: Call[]; seconds: number; failed: number };

const HEAD_END = Buffer.from('\r\n\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** Calls until `seconds` are over, or `most` calls are made. */
export async function load(
  to: { port: number; request: Buffer },
  connections: number,
  until: { seconds: number; most?: number },
): Promise<Load> {
  const calls: Call[] = [];
  const began = performance.now();
  const end = began + until.seconds * 1000;
  let failed = 0;
  let left = until.most ?? Number.POSITIVE_INFINITY;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect(to.port, '127.0.0.1');
      socket.setNoDelay(true);
      try {
        while (performance.now() < end && left > 0) {
          left -= 1;
          const sent = performance.now();
          const { first, ok } = await answer(socket, to.request);
          const now = performance.now();
          if (ok) calls.push({ first_ms: first - sent, total_ms: now - sent });
          else failed += 1;
        }
      } finally {
        socket.destroy();
      }
    }),
  );
  return { calls, seconds: (performance.now() - began) / 1000, failed };
}

/** One call: when the first byte of its body came, and whether it was answered with 200. Resolves at its end. */
function answer(socket: Socket, request: Buffer): Promise<{ first: number; ok: boolean }> {
  return new Promise((resolve, reject) => {
    let first = 0;
    let head: string | null = null;
    let gathered: Buffer = Buffer.alloc(0);
    let length = 0;
    let got = 0;
    const settle = () => {
      socket.off('data', take).off('error', fail).off('close', gone);
      resolve({ first, ok: head?.startsWith('HTTP/1.1 200') ?? false });
    };
    const take = (chunk: Buffer) => {
      if (head === null) {
        gathered = gathered.length > 0 ? Buffer.concat([gathered, chunk]) : chunk;
        const at = gathered.indexOf(HEAD_END);
        if (at < 0) return;
        head = gathered.toString('latin1', 0, at).replace(/transfer-encoding/i, 'transfer-encoding');
        const said = /content-length: (\d+)/i.exec(head);
        length = said ? Number(said[1]) : -1;
        const body = gathered.subarray(at + 4);
        if (body.length > 0) takeBody(body);
        else if (length === 0) settle();
        return;
      }
      takeBody(chunk);
    };
    const takeBody = (body: Buffer) => {
      if (first === 0) first = performance.now();
      got += body.length;
      // Chunked: no event of ours ends in what the last chunk ends in.
      if (length >= 0 ? got >= length : body.subarray(-5).equals(LAST_CHUNK)) settle();
    };
    const fail = (error: Error) => reject(error);
    const gone = () => reject(new Error('the connection was closed'));
    socket.on('data', take).once('error', fail).once('close', gone);
    socket.write(request);
  });
}

/** A request to /v1/messages as bytes. */
export function requestTo(port: number, headers: Record<string, string>, body: object): Buffer {
  const json = JSON.stringify(body);
  const lines = Object.entries({
    host: `127.0.0.1:${port}`,
    'content-type': 'application/json',
    'anthropic-version': '2023-06-01',
    'content-length': String(Buffer.byteLength(json)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`);
  return Buffer.from(`POST /v1/messages HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${json}`);
}
