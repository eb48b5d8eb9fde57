/**
 * The check-up: SQLite's quick_check of the whole store, in a thread of its own, so that no service waits for it. It
 * finds torn and zeroed pages and broken trees; it is no checksum, and backups are kept for what it cannot see.
 */

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { root } from '../base/root.ts';

const CHECK = `
  const { parentPort, workerData } = require('node:worker_threads');
  const db = new (require(workerData.driver))(workerData.file, { readonly: true, timeout: 5000 });
  const found = db.pragma('quick_check(20)', { simple: false }).map((row) => row.quick_check);
  db.close();
  parentPort.postMessage(found.join('; '));
`;

/** 'ok', or what is wrong with the store. */
export function inspect(file: string): Promise<string> {
  const driver = createRequire(join(root, 'package.json')).resolve('better-sqlite3');
  const worker = new Worker(CHECK, { eval: true, workerData: { driver, file } });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', (error) => {
      // A page that cannot even be parsed makes the pragma itself fail: that is a finding, not an accident.
      const code = (error as { code?: unknown }).code;
      if (typeof code === 'string' && /^SQLITE_(CORRUPT|NOTADB)/.test(code)) resolve(String(error));
      else reject(error);
    });
  });
}
