/** A hang: a process that is there and does nothing. */

import Database from 'better-sqlite3';

/**
 * Stops a process dead between two writes to the store. In the middle of one it would keep everybody else from writing,
 * which is another fault. The caller sends it SIGCONT or SIGKILL.
 */
export function freeze(store: string, pid: number): void {
  const db = new Database(store, { timeout: 10_000 });
  try {
    db.transaction(() => process.kill(pid, 'SIGSTOP')).immediate();
  } finally {
    db.close();
  }
}
