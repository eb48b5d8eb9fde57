/** The migrated schema as text: the golden file `schema.sql`, where a migration is reviewed as its diff. */

import Database from 'better-sqlite3';
import { latest, migrate } from './migrate.ts';

export function schemaText(): string {
  const db = new Database(':memory:');
  try {
    migrate(db);
    const objects = db
      .prepare<[], string>(
        `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY tbl_name, type = 'index', name`,
      )
      .pluck()
      .all();
    return `-- Generated from shared/store/migrations: the schema after migration ${latest()}.\n\n${objects.map((sql) => `${sql};\n`).join('\n')}`;
  } finally {
    db.close();
  }
}

/** The tables of the migrated schema, by name. */
export function schemaTables(): string[] {
  const db = new Database(':memory:');
  try {
    migrate(db);
    return db
      .prepare<[], string>(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
      .pluck()
      .all();
  } finally {
    db.close();
  }
}
