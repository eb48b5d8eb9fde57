/** The thread that `aside.ts` has read: one connection, which cannot write. It takes one query after the other. */

import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { codeOf, messageOf } from '../base/errors.ts';
import { dotOf } from '../recall/vector.ts';
import type { Asked, Told } from './aside.ts';

const file: string = workerData;
// It may wait for a lock as long as `store.read` would try again: nobody else waits in this thread.
const db = new Database(file, { readonly: true, fileMustExist: true, timeout: 30_000 });
db.pragma('mmap_size = 0');
db.pragma('cache_size = -8192');
db.pragma('temp_store = MEMORY');
db.function('dot', { deterministic: true }, dotOf);
const statements = new Map<string, Database.Statement<unknown[]>>();

function told({ id, sql, args }: Asked): Told {
  try {
    const statement = statements.get(sql) ?? db.prepare<unknown[]>(sql);
    statements.set(sql, statement);
    return { id, rows: statement.all(...args) };
  } catch (error) {
    return { id, error: { message: messageOf(error), code: codeOf(error) } };
  }
}

parentPort?.on('message', (asked: Asked | 'end') => {
  if (asked !== 'end') return parentPort?.postMessage(told(asked));
  db.close();
  parentPort?.close();
});
