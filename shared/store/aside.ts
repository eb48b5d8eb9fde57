/**
 * Reading aside: a second connection in a thread of its own, for queries that take longer than an event loop may stand
 * still. It is opened by the first query and closed again when none has come for a while, because a thread is some
 * 10 MB; one that dies fails what it was asked, and the next query opens another.
 *
 * It is the same SQLite in the same process, which knows of every connection to the file: closing one drops no locks of
 * the others.
 */

import { basename, join } from 'node:path';
import Database from 'better-sqlite3';
import { messageOf } from '../base/errors.ts';
import type { Query, Value } from '../tables/op.ts';

export type Asked = { id: number; sql: string; args: readonly Value[] };
export type Told =
  | { id: number; rows: unknown[]; error?: undefined }
  | { id: number; error: { message: string; code: string } };

export type Aside = {
  read<Row>(query: Query<Row>): Promise<Row[]>;
  /** Ends the thread, after what it has been asked. */
  close(): Promise<void>;
};

type Thread = { ask(query: Query<unknown>): Promise<unknown[]>; end(): Promise<void> };

/** @param idle_ms so long it is kept without a query */
export function openAside(file: string, idle_ms = 60_000): Aside {
  let thread: Promise<Thread> | undefined;
  let idle: NodeJS.Timeout | undefined;
  let closed = false;

  async function end(): Promise<void> {
    clearTimeout(idle);
    const ending = thread;
    thread = undefined;
    await (await ending)?.end();
  }

  return {
    async read<Row>(query: Query<Row>): Promise<Row[]> {
      if (closed) throw new Error(`store: closed, so ${query.verb} was not read`);
      clearTimeout(idle);
      idle = setTimeout(end, idle_ms).unref();
      if (!thread) {
        const opened = start(file, () => {
          if (thread === opened) thread = undefined;
        });
        thread = opened;
      }
      const { ask } = await thread;
      // As in `store.read`: only the table's file can know what its SQL returns.
      return (await ask(query)) as Row[];
    },
    async close() {
      closed = true;
      await end();
    },
  };
}

/** Beside this file, or among the bundles: those of the services, which the command line's lie above. */
function programOf(filename: string, directory: string): string {
  if (filename.endsWith('.ts')) return join(directory, 'aside-thread.ts');
  const bundles = basename(directory) === 'services' ? directory : join(directory, 'services');
  return join(bundles, 'store-aside.cjs');
}

/** @param over told when it has ended, by whomever */
async function start(file: string, over: () => void): Promise<Thread> {
  const { Worker } = await import('node:worker_threads');
  const worker = new Worker(programOf(import.meta.filename, import.meta.dirname), {
    workerData: file,
    // Not the flags of this process, which are for its own program.
    execArgv: [],
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown[]>>();
  let last = 0;
  let cause: unknown;
  let dead = false;
  const died = () => {
    const why = cause === undefined ? '' : `: ${messageOf(cause)}`;
    return new Error(`store: the thread that reads aside has ended${why}`, { cause });
  };

  worker.on('message', (told: Told) => {
    const asked = waiting.get(told.id);
    waiting.delete(told.id);
    if (waiting.size === 0) worker.unref();
    if (told.error) asked?.reject(new Database.SqliteError(told.error.message, told.error.code));
    else asked?.resolve(told.rows);
  });
  worker.on('error', (error) => {
    cause = error;
  });
  const ended = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      dead = true;
      over();
      for (const asked of waiting.values()) asked.reject(died());
      resolve();
    });
  });

  return {
    async ask({ sql, args }) {
      if (dead) throw died();
      const asked = Promise.withResolvers<unknown[]>();
      last += 1;
      waiting.set(last, asked);
      // Whoever waits for an answer keeps the process alive, the thread alone does not.
      worker.ref();
      worker.postMessage({ id: last, sql, args } satisfies Asked);
      return asked.promise;
    },
    async end() {
      worker.ref();
      worker.postMessage('end');
      await ended;
    },
  };
}
