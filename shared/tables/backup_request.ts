/** backup_request: a backup that a person wants now. Anyone asks; `backup` answers. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'backup_request',
  about: 'the backups that a person asked for, and what came of it',
  pen: { mailbox: 'backup' },
  keeps: { days: 400, since: 'handled_at' },
};

export type Request = { id: number; asked_by: string; alone: number; outcome: string | null };

/** @param alone those before it go once it is made: here, and from every place that can be reached */
export function ask(by: string, now: number, alone = false): Op<{ id: number }> {
  return {
    verb: 'backup_request.ask',
    sql: 'INSERT INTO backup_request (asked_by, asked_at, alone) VALUES (?,?,?) RETURNING id',
    args: [by, now, alone ? 1 : 0],
    rings: 'slot',
  };
}

export const next: Query<Request> = {
  verb: 'backup_request.next',
  sql: `SELECT id, asked_by, alone, outcome FROM backup_request INDEXED BY backup_request_open
        WHERE handled_at IS NULL ORDER BY id LIMIT 1`,
  args: [],
};

export function of(id: number): Query<Request> {
  return {
    verb: 'backup_request.of',
    sql: 'SELECT id, asked_by, alone, outcome FROM backup_request WHERE id = ?',
    args: [id],
  };
}

export function handled(id: number, outcome: string, now: number): Op {
  return {
    verb: 'backup_request.handled',
    sql: 'UPDATE backup_request SET handled_at = ?, outcome = ? WHERE id = ? AND handled_at IS NULL',
    args: [now, outcome, id],
  };
}
