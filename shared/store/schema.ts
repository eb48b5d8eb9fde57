/** The migrated schema as text: the golden file `schema.sql`, where a migration is reviewed as its diff. */

import Database from 'better-sqlite3';
import { latest, migrate } from './migrate.ts';

export function schemaText(): string {
  const db = new Database(':memory:');
  try {
    migrate(db);
    const objects = db
      .prepare<[], string>(
        // What full-text search keeps below its own tables is its own affair.
        `SELECT sql FROM sqlite_schema s JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.tbl_name
         WHERE sql IS NOT NULL AND l.type <> 'shadow' AND s.name NOT LIKE 'sqlite%' ORDER BY tbl_name, s.type = 'index', s.name`,
      )
      .pluck()
      .all();
    return `-- Generated from shared/store/migrations: the schema after migration ${latest()}.\n\n${objects.map((sql) => `${sql};\n`).join('\n')}`;
  } finally {
    db.close();
  }
}

/** The tables of the migrated schema, by name; without those of SQLite itself and of its full-text search. */
export function schemaTables(): string[] {
  const db = new Database(':memory:');
  try {
    migrate(db);
    return db
      .prepare<
        [],
        string
      >(`SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite%'
         ORDER BY name`)
      .pluck()
      .all();
  } finally {
    db.close();
  }
}
