/** backup: the backups there are, as far as the house remembers them; the folders themselves are the truth. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'backup',
  about: 'the backups that were made, checked and copied elsewhere',
  pen: { record: 'backup' },
  keeps: { days: 400, since: 'removed_at' },
};

export type Backup = {
  /** The name of its folder. */
  id: string;
  job: string;
  made_at: number;
  took_ms: number;
  /** All of it, files that it shares with the one before too. */
  bytes: number;
  store_bytes: number;
  copies_json: string;
  removed_at: number | null;
};

/** A folder that was found without its row, after a kill between the two, is recorded by the same verb. */
export function record(backup: Omit<Backup, 'copies_json' | 'removed_at'>): Op {
  const { id, job, made_at, took_ms, bytes, store_bytes } = backup;
  return {
    verb: 'backup.record',
    sql: `INSERT INTO backup (id, job, made_at, took_ms, bytes, store_bytes) VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
    args: [id, job, made_at, took_ms, bytes, store_bytes],
  };
}

export function copied(id: string, name: string, at: number): Op {
  return {
    verb: 'backup.copied',
    sql: `UPDATE backup SET copies_json = json_set(copies_json, '$.' || json_quote(?), ?) WHERE id = ?`,
    args: [name, at, id],
  };
}

/** Those whose folders are gone. */
export function removed(ids: readonly string[], now: number): Op {
  return {
    verb: 'backup.removed',
    sql: `UPDATE backup SET removed_at = ? WHERE removed_at IS NULL AND id IN (SELECT value FROM json_each(?))`,
    args: [now, JSON.stringify(ids)],
  };
}

/** Those that are still there, oldest first. */
export const present: Query<Backup> = {
  verb: 'backup.present',
  sql: 'SELECT * FROM backup INDEXED BY backup_made WHERE removed_at IS NULL ORDER BY made_at',
  args: [],
};

/** The newest: how old it is tells how much a broken disk would cost. */
export const latest: Query<Backup> = {
  verb: 'backup.latest',
  sql: 'SELECT * FROM backup INDEXED BY backup_made WHERE removed_at IS NULL ORDER BY made_at DESC LIMIT 1',
  args: [],
};
