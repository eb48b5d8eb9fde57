/**
 * The store as a file among others: copied while services use it, looked at as it lies, and put back once nobody does.
 * Only here and in store.ts is it opened at all, and never by anything but SQLite: see there.
 */

import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { codeOf } from '../base/errors.ts';
import type { Query } from '../tables/op.ts';

/** How long a look waits for whoever migrates, or recovers the log after a kill. */
const PATIENCE_ms = 5000;

function open(file: string): Database.Database {
  return new Database(file, { fileMustExist: true, timeout: PATIENCE_ms });
}

function looking<T>(file: string, look: (db: Database.Database) => T): T {
  const db = open(file);
  try {
    return look(db);
  } finally {
    db.close();
  }
}

/** How far the store of this file has been migrated; 0 where there is none yet, Infinity where nobody can read it. */
export function schemaIn(file: string): number {
  if (!existsSync(file)) return 0;
  try {
    return looking(file, (db) => Number(db.pragma('user_version', { simple: true })));
  } catch (error) {
    if (!/^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error))) throw error;
    return Number.POSITIVE_INFINITY;
  }
}

/** One question to a store whose schema may be another release's: its table must not have changed since. */
export function readFrom<Row>(file: string, query: Query<Row>): Row[] {
  if (!existsSync(file)) return [];
  return looking(file, (db) => {
    const there = db.prepare("SELECT count(*) FROM sqlite_schema WHERE type = 'table'").pluck().get();
    return there === 0 ? [] : (db.prepare(query.sql).all(...query.args) as Row[]);
  });
}

export type Contents = { schema: number; integrity: string; rows: { [table: string]: number } };

/** What is in a store, and whether SQLite finds it whole. */
export function contentsOf(file: string): Contents {
  return looking(file, (db) => {
    const names = db
      .prepare<[], string>(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'",
      )
      .pluck()
      .all();
    const count = (name: string) => Number(db.prepare(`SELECT count(*) FROM "${name}"`).pluck().get());
    return {
      schema: Number(db.pragma('user_version', { simple: true })),
      integrity: String(db.pragma('integrity_check(20)', { simple: true })),
      rows: Object.fromEntries(names.map((name) => [name, count(name)])),
    };
  });
}

/** A whole copy of a store that may be in use, on the disk under its name or not there at all. */
export function takeSnapshot(file: string, to: string): void {
  const { uid, gid, mode } = statSync(file);
  const folder = dirname(to);
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true });
    // Whoever shares the store shares its copies, and nobody else.
    chmodSync(folder, statSync(dirname(file)).mode & 0o7777);
  }
  const part = `${to}.part`;
  rmSync(part, { force: true });
  closeSync(openSync(part, 'wx', 0o600)); // SQLite would make it readable to all
  looking(file, (db) => db.prepare('VACUUM INTO ?').run(part));
  owned(part, uid, gid, mode);
  flush(part);
  renameSync(part, to);
  flush(folder);
}

/**
 * Puts a snapshot in the place of a store that nobody has open; what was there is kept `aside`. A power cut at any line
 * leaves a store there, and the same call afterwards ends what it began.
 */
export function restoreSnapshot(snapshot: string, file: string, aside: string): void {
  const placed = statSync(file, { throwIfNoEntry: false });
  const kept = statSync(aside, { throwIfNoEntry: false });
  if (placed && kept && placed.ino !== kept.ino) return;
  const part = `${file}.part`;
  copyFileSync(snapshot, part);
  if (placed) owned(part, placed.uid, placed.gid, placed.mode);
  flush(part);
  if (placed) {
    fold(file);
    if (!kept) linkSync(file, aside);
    // A log that could not be folded belongs to the other store, and would be read into this one.
    for (const end of ['-wal', '-shm']) if (existsSync(file + end)) renameSync(file + end, aside + end);
  }
  renameSync(part, file);
  flush(dirname(file));
}

/** Brings the log into the file; the last to close it removes the log. */
function fold(file: string): void {
  try {
    looking(file, (db) => db.pragma('wal_checkpoint(TRUNCATE)'));
  } catch (error) {
    // Damaged, perhaps by the release that is being left: it is kept as it is.
    if (!/^SQLITE_(CORRUPT|NOTADB|IOERR)/.test(codeOf(error))) throw error;
  }
}

function owned(file: string, uid: number, gid: number, mode: number): void {
  const now = statSync(file);
  if (now.uid !== uid || now.gid !== gid) chownSync(file, uid, gid);
  chmodSync(file, mode & 0o7777);
}

function flush(path: string): void {
  const fd = openSync(path, 'r');
  fsyncSync(fd);
  closeSync(fd);
}
