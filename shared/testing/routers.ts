/** Router processes on one house, as a supervisor keeps them: what dies is started again at once. And a client for them. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { root } from '../base/root.ts';
import { prepareHome, roleOf, socketOf } from '../runtime/home.ts';
import type { House } from './house.ts';

export type Routers = {
  /** SIGKILL; resolves when the next one is ready. */
  kill(worker: number): Promise<void>;
  stop(): Promise<void>;
};

/** The workers 0 … count - 1; resolves when all are ready. */
export async function startRouters(house: House, count: number): Promise<Routers> {
  prepareHome(house.home);
  const children: ChildProcess[] = [];

  async function start(worker: number): Promise<void> {
    const child = spawn(process.execPath, [join(root, 'services/router/service.ts')], {
      env: {
        ...process.env,
        VIGIL_HOME: house.home.directory,
        VIGIL_WORKER: String(worker),
        VIGIL_CONSOLE: 'off',
        NOTIFY_FD: '3',
      },
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    });
    children[worker] = child;
    const ready = new Promise<void>((resolve) =>
      (child.stdio[3] as Readable).setEncoding('utf8').on('data', (words: string) => {
        if (words.includes('READY=1')) resolve();
      }),
    );
    const ended = once(child, 'close').then(([code]) => {
      throw new Error(`router ${worker} ended with code ${code} before it was ready`);
    });
    // It ends some day, ready or not.
    ended.catch(() => {});
    await Promise.race([ready, ended]);
  }

  async function end(worker: number, signal: NodeJS.Signals): Promise<void> {
    const child = children[worker];
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill(signal);
    await closed;
  }

  const workers = Array.from({ length: count }, (_, worker) => worker);
  const stop = async () => void (await Promise.all(workers.map((worker) => end(worker, 'SIGTERM'))));
  try {
    await Promise.all(workers.map(start));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    stop,
    async kill(worker) {
      await end(worker, 'SIGKILL');
      await start(worker);
    },
  };
}

/** `worker`'s Unix socket; with a key, its port. */
export type Asking = {
  worker: number;
  key?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Hears of each piece of the answer as it comes; the next is not read before it has resolved. */
  heard?: (bytes: number) => void | Promise<void>;
};

export type Heard = { status: number; headers: IncomingHttpHeaders; text: string };

/** POST /v1/messages; resolves with the whole answer, rejects when it breaks off. */
export function askRouter(house: House) {
  const agent = new Agent({ keepAlive: true });
  return {
    async ask(body: string, { worker, key, headers = {}, signal, heard }: Asking): Promise<Heard> {
      const asking = request({
        agent,
        path: '/v1/messages',
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'anthropic-version': '2023-06-01',
          'content-length': Buffer.byteLength(body),
          ...(key === undefined ? {} : { 'x-api-key': key }),
          ...headers,
        },
        ...(key === undefined
          ? { socketPath: socketOf(house.home, roleOf('router', worker)) }
          : { host: '127.0.0.1', port: house.port + worker }),
      });
      // After the headers it is the answer that fails.
      asking.on('error', () => {});
      // The request's own signal would fail on a connection that is the agent's again.
      const leave = () => void asking.destroy();
      signal?.addEventListener('abort', leave, { once: true });
      if (signal?.aborted) leave();
      asking.once('close', () => signal?.removeEventListener('abort', leave));
      asking.end(body);
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      const chunks: Buffer[] = [];
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        await heard?.(chunk.length);
      }
      return {
        status: answer.statusCode ?? 0,
        headers: answer.headers,
        text: Buffer.concat(chunks).toString('utf8'),
      };
    },
    close: () => agent.destroy(),
  };
}
