/**
 * The check-up: SQLite's quick_check of the whole store, in a process of its own, so that no service waits for it or
 * keeps the memory it took (a thread left 14 MB behind). It finds torn and zeroed pages and broken trees; it is no
 * checksum, and backups are kept for what it cannot see.
 */

import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../base/root.ts';

/** How large the write-ahead log is. Asked of its name alone: whoever opened it would endanger the store. */
export function walBytes(store: string): number {
  return statSync(`${store}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

/** A page that cannot even be parsed makes the pragma itself fail: that is a finding, not an accident. */
const CHECK = `
  const [driver, file] = process.argv.slice(1);
  try {
    const db = new (require(driver))(file, { readonly: true, timeout: 5000 });
    console.log(db.pragma('quick_check(20)').map((row) => row.quick_check).join('; '));
  } catch (error) {
    if (!/^SQLITE_(CORRUPT|NOTADB)/.test(error.code)) throw error;
    console.log(String(error));
  }
`;

/** 'ok', or what is wrong with the store. */
export async function inspect(file: string): Promise<string> {
  const driver = createRequire(join(root, 'package.json')).resolve('better-sqlite3');
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', CHECK, driver, file]);
  return stdout.trim();
}
