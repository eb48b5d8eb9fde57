/**
 * Brings a store to the schema of this code. The file's header says whose it is (`application_id`) and how far it
 * has been migrated (`user_version`). Migrations are numbered SQL files, each run once, in one transaction.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { Misconfigured } from '../base/errors.ts';
import { root } from '../base/root.ts';

/** 'VIGL' in ASCII, so that `file` and we ourselves can tell a Vigil store from any other database. */
export const APPLICATION_ID = 0x5649474c;

const directory = join(root, 'shared', 'store', 'migrations');

type Migration = { version: number; file: string };

function migrations(): Migration[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => ({ version: Number.parseInt(file, 10), file }));
}

/** The schema version that this code speaks. */
export function latest(): number {
  return migrations().at(-1)?.version ?? 0;
}

function number(db: Database, pragma: string): number {
  return Number(db.pragma(pragma, { simple: true }));
}

/**
 * Refuses a database that is somebody else's or newer than this code, before anything is written to it.
 * @throws Misconfigured
 */
export function examine(db: Database, file: string): 'current' | 'behind' {
  const application = number(db, 'application_id');
  const version = number(db, 'user_version');
  const empty = version === 0 && db.prepare('SELECT count(*) AS n FROM sqlite_schema').pluck().get() === 0;
  if (application !== APPLICATION_ID && !empty) {
    throw new Misconfigured(
      `store: ${file} is an SQLite database of another program (application id ${application}, expected ${APPLICATION_ID}); it was left untouched`,
      'move that file away, or set VIGIL_HOME to a directory of its own',
    );
  }
  if (version > latest()) {
    throw new Misconfigured(
      `store: ${file} has schema ${version}, this Vigil knows ${latest()}: a newer release wrote it; it was left untouched`,
      'start the newer release, or restore the snapshot that was taken before the upgrade',
    );
  }
  return version === latest() ? 'current' : 'behind';
}

/** Runs what is missing. The caller holds the write lock: whoever comes second finds nothing left to do. */
export function migrate(db: Database): void {
  const from = number(db, 'user_version');
  for (const migration of migrations()) {
    if (migration.version <= from) continue;
    db.exec(readFileSync(join(directory, migration.file), 'utf8'));
    db.pragma(`user_version = ${migration.version}`);
  }
  db.pragma(`application_id = ${APPLICATION_ID}`);
}
