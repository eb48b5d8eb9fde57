/**
 * Bells: one file per queue. Whoever has put something into a queue writes one byte at offset 0, after the commit;
 * whoever waits at the queue watches the file and looks. A bell carries no data: a lost ring costs time, never a
 * message, because every waiter also looks by itself every few seconds.
 *
 * The file is watched, not its folder (macOS watches folders through FSEvents, which batches), and it is written,
 * not touched: setting times needs ownership, which the users of a shared install do not have.
 */

import {
  closeSync,
  constants,
  type FSWatcher,
  fstatSync,
  mkdirSync,
  openSync,
  watch,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { QUEUES, type Queue } from '../tables/op.ts';

export type Bells = {
  ring(queue: Queue): void;
  /** Calls `heard` after each ring, never from within the watcher's own callback. Returns the way to stop. */
  listen(queue: Queue, heard: () => void): () => void;
  close(): void;
};

export function openBells(directory: string): Bells {
  mkdirSync(directory, { recursive: true });
  const watchers = new Set<FSWatcher>();
  // Opened at once, each with its byte in place: a ring overwrites that byte and so needs no space on a full disk.
  const ropes = new Map(
    QUEUES.map((queue) => {
      const rope = openSync(join(directory, queue), constants.O_RDWR | constants.O_CREAT);
      if (fstatSync(rope).size === 0) writeSync(rope, '\n', 0);
      return [queue, rope] as const;
    }),
  );

  return {
    ring(queue) {
      const rope = ropes.get(queue);
      if (rope === undefined) throw new Error(`bell: ${queue} is not in the list of queues`);
      writeSync(rope, '\n', 0);
    },
    listen(queue, heard) {
      // kqueue re-arms a watch only after its callback has returned: a ring during the callback would be lost,
      // hence the look happens from setImmediate (libuv, src/unix/kqueue.c).
      let pending = false;
      const watcher = watch(join(directory, queue), { persistent: false }, () => {
        if (pending) return;
        pending = true;
        setImmediate(() => {
          pending = false;
          heard();
        });
      });
      watchers.add(watcher);
      return () => {
        watchers.delete(watcher);
        watcher.close();
      };
    },
    close() {
      for (const watcher of watchers) watcher.close();
      for (const rope of ropes.values()) closeSync(rope);
      ropes.clear();
    },
  };
}
