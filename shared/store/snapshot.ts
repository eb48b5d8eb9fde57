/**
 * Snapshots of the store: taken while others write, checked, and put back. Each is one file that needs no log beside it.
 *
 * The copy goes page by page through SQLite's online backup, on a connection that holds one read transaction all the
 * while. Without it every commit of another process starts the copy anew, and a busy store is never done; with it the
 * copy shows one moment, whose rows can be counted, and in WAL mode no reader holds up a writer.
 */

import { execFile } from 'node:child_process';
import {
  constants,
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { Misconfigured } from '../base/errors.ts';
import { root } from '../base/root.ts';
import { APPLICATION_ID, latest } from './migrate.ts';
import { FILE, full, patiently, REFUSED } from './store.ts';

/** What a copy must hold to be the store that it was taken of. */
export type Contents = {
  application_id: number;
  schema: number;
  /** Rows of each table. */
  rows: { [table: string]: number };
};

/** So much is copied before others have their turn in this process. */
const STEP_pages = 256;

/**
 * Copies the store in `directory` to the file `to`, and says what was in it at that moment.
 * @throws StoreFull when there is no room for the copy
 */
export async function takeSnapshot(directory: string, to: string, signal?: AbortSignal): Promise<Contents> {
  const source = new Database(join(directory, FILE), { readonly: true, timeout: 50 });
  try {
    await patiently(() => {
      if (!source.inTransaction) source.exec('BEGIN');
      // The transaction begins with its first read.
      source.pragma('user_version');
    });
    const contents: Contents = {
      application_id: Number(source.pragma('application_id', { simple: true })),
      schema: Number(source.pragma('user_version', { simple: true })),
      rows: {},
    };
    for (const name of tablesOf(source)) {
      contents.rows[name] = Number(source.prepare(`SELECT count(*) FROM "${name}"`).pluck().get());
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    await source.backup(to, {
      progress() {
        signal?.throwIfAborted();
        return STEP_pages;
      },
    });
    const copy = new Database(to);
    try {
      // The copy says of itself that it has a log: one file is enough from here on. This writes and flushes it.
      copy.pragma('synchronous = FULL');
      copy.pragma('journal_mode = DELETE');
    } finally {
      copy.close();
    }
    return contents;
  } catch (error) {
    throw full(error);
  } finally {
    source.close();
  }
}

function tablesOf(db: Database.Database): string[] {
  return db
    .prepare<[], string>(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`,
    )
    .pluck()
    .all();
}

/** Runs in a process of its own: the check reads every page, which takes seconds and blocks whoever does it. */
const CHECK = `
  const [driver, file] = process.argv.slice(1);
  try {
    const db = new (require(driver))(file, { readonly: true });
    const number = (pragma) => Number(db.pragma(pragma, { simple: true }));
    const integrity = db.pragma('integrity_check(20)').map((row) => row.integrity_check).join('; ');
    const rows = {};
    for (const { name } of db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\\\_%' ESCAPE '\\\\'").all())
      rows[name] = db.prepare('SELECT count(*) FROM "' + name + '"').pluck().get();
    console.log(JSON.stringify({ integrity, application_id: number('application_id'), schema: number('user_version'), rows }));
  } catch (error) {
    if (!/^SQLITE_(CORRUPT|NOTADB|IOERR|CANTOPEN)/.test(error.code)) throw error;
    console.log(JSON.stringify({ integrity: String(error), application_id: 0, schema: 0, rows: {} }));
  }
`;

/**
 * Restores the copy to a scratch place, as it would be for use, and looks at it there. Null: it holds what it should;
 * else what is wrong with it.
 */
export async function checkSnapshot(
  file: string,
  expected: Contents,
  scratch: string,
): Promise<string | null> {
  try {
    // Whoever checks may be root, and what lies there a link.
    rmSync(scratch, { force: true });
    copyFileSync(file, scratch, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    const driver = createRequire(join(root, 'package.json')).resolve('better-sqlite3');
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', CHECK, driver, scratch], {
      maxBuffer: 2 ** 24,
    });
    const got: Contents & { integrity: string } = JSON.parse(stdout);
    if (got.integrity !== 'ok') return `SQLite says of it: ${got.integrity}`;
    if (got.application_id !== APPLICATION_ID) return `its application id is ${got.application_id}`;
    if (got.schema !== expected.schema) return `its schema is ${got.schema}, expected ${expected.schema}`;
    for (const name of new Set([...Object.keys(expected.rows), ...Object.keys(got.rows)])) {
      const [wanted, found] = [expected.rows[name], got.rows[name]];
      if (wanted !== found) return `${name} has ${found ?? 'no'} rows, expected ${wanted ?? 'none'}`;
    }
    return null;
  } catch (error) {
    throw full(error);
  } finally {
    rmSync(scratch, { force: true });
  }
}

const RESTORING = 'A backup is being put in place of the store: run the restore again to end it.';

/**
 * Puts a checked copy in the store's place; what was there stays beside it, under names that begin with `aside`. Nobody
 * may have the store open. From the first step to the last every opener refuses: after a kill in between there is no new,
 * empty store, and the same call again ends it.
 * @throws Misconfigured when a newer Vigil wrote the copy
 */
export function putBack(directory: string, copy: string, contents: Contents, aside: string): void {
  if (contents.schema > latest()) {
    throw new Misconfigured(
      `backup: its schema is ${contents.schema}, this Vigil knows ${latest()}: a newer release made it`,
      'restore it with that release',
    );
  }
  const file = join(directory, FILE);
  const refused = join(directory, REFUSED);
  const begun = existsSync(refused) ? readFileSync(refused, 'utf8').split('\n') : [];
  // One that was cut off has begun to move the old files to this name: they stay together.
  const kept = (begun[0] === RESTORING && begun[1]) || aside;
  writeFileSync(refused, `${RESTORING}\n${kept}\n`);
  // The log belongs to the old file: read with the new one, it would destroy it.
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(`${file}${suffix}`)) renameSync(`${file}${suffix}`, `${kept}${suffix}`);
  }
  renameSync(copy, file);
  rmSync(refused);
}

/** Removes a store that was kept aside, and the log that it may have had. */
export function removeKept(file: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
}

/**
 * Folds the write-ahead log into the store and cuts it to nothing, when nobody is in the way: else as much of it as goes
 * without making anybody wait. Says how many pages are left in it.
 */
export function foldLog(directory: string): number {
  const file = join(directory, FILE);
  const db = new Database(file, { timeout: 0, fileMustExist: true });
  try {
    // What there is to copy is copied while others write; the cut itself, which they wait for, is short then.
    db.pragma('wal_checkpoint(PASSIVE)');
    const [result] = db.pragma('wal_checkpoint(TRUNCATE)') as { log: number; checkpointed: number }[];
    return result ? Math.max(0, result.log - result.checkpointed) : 0;
  } finally {
    db.close();
  }
}
