/**
 * Liveness: a lock that SQLite holds on `run/<name>.lock` for as long as the process lives. The system frees it
 * within milliseconds of a kill -9; a stopped or sleeping process keeps it. So whoever holds a service's lock knows,
 * without asking any clock, that every other owner of that service's claims is dead.
 */

import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { sleep } from '../base/clock.ts';
import { codeOf, Misconfigured, messageOf } from '../base/errors.ts';
import { create } from './create.ts';

export type Lock = { release(): void };

/**
 * Takes the lock, or returns null when another process (or another holder in this one) has it.
 * @throws Misconfigured when the place cannot be written
 */
export function tryLock(file: string): Lock | null {
  let db: Database.Database | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true });
    create(file);
    db = new Database(file, { timeout: 0 });
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db?.close();
    const code = codeOf(error);
    if (code === 'SQLITE_BUSY') return null;
    // ENOENT is Node's word for a folder that a recursive mkdir cannot make on a read-only file system.
    if (!/^(SQLITE_(CANTOPEN|READONLY)|EACCES|EROFS|EPERM|ENOENT|ENOTDIR|EEXIST)/.test(code)) throw error;
    throw new Misconfigured(
      `lock: ${file} cannot be written (${messageOf(error)})`,
      `give the user ${process.getuid?.() ?? ''} read and write access to ${dirname(file)}, on a file system mounted read-write`,
      { cause: error },
    );
  }
  const held = db;
  return { release: () => void held.close() };
}

/** Waits until the lock is free, or until `signal` aborts (then null). `busy` is told once that it has to wait. */
export async function waitForLock(file: string, signal: AbortSignal, busy: () => void): Promise<Lock | null> {
  for (let told = false; !signal.aborted; told = true) {
    const lock = tryLock(file);
    if (lock) return lock;
    if (!told) busy();
    await sleep(100, signal);
  }
  return null;
}

/** Is the lock held by anyone? A file that is not there is held by nobody. */
export function isLocked(file: string): boolean {
  if (!existsSync(file)) return false;
  const lock = tryLock(file);
  lock?.release();
  return lock === null;
}
