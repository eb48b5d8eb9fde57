/**
 * Liveness: a lock that SQLite holds on `run/<name>.lock` for as long as the process lives. The system frees it
 * within milliseconds of a kill -9; a stopped or sleeping process keeps it. So whoever holds a service's lock knows,
 * without asking any clock, that every other owner of that service's claims is dead.
 */

import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { sleep } from '../base/clock.ts';
import { codeOf } from '../base/errors.ts';

export type Lock = { release(): void };

/** Takes the lock, or returns null when another process (or another holder in this one) has it. */
export function tryLock(file: string): Lock | null {
  const db = new Database(file, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (codeOf(error) === 'SQLITE_BUSY') return null;
    throw error;
  }
  return { release: () => void db.close() };
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
