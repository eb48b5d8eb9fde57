/** The store of a file as it lies, whichever release has written it: looked at, neither migrated nor guarded. */

import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { codeOf } from '../base/errors.ts';
import type { Query } from '../tables/op.ts';

/** How long a look waits for whoever migrates, or recovers the log after a kill. */
const PATIENCE_ms = 5000;

function looking<T>(file: string, look: (db: Database.Database) => T): T {
  const db = new Database(file, { fileMustExist: true, timeout: PATIENCE_ms });
  try {
    return look(db);
  } finally {
    db.close();
  }
}

/** How far it has been migrated; 0 where there is none yet, Infinity where nobody can read it. */
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
    const tables = db.prepare("SELECT count(*) FROM sqlite_schema WHERE type = 'table'").pluck().get();
    return tables === 0 ? [] : (db.prepare(query.sql).all(...query.args) as Row[]);
  });
}

export type Findings = { schema: number; integrity: string; rows: { [table: string]: number } };

/** What is in it, and whether SQLite finds it whole. */
export function findingsIn(file: string): Findings {
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
