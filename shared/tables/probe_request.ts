/** probe_request: what somebody wants looked at now, whenever its time is. `upstream` takes it. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'probe_request',
  about: 'what outside somebody wants looked at now',
  pen: { mailbox: 'upstream' },
  keeps: 'until it is taken',
};

export type Request = { id: number; watch: string; asked_by: string; asked_at: number };

export function ask({ watch, asked_by, asked_at }: Omit<Request, 'id'>): Op {
  return {
    verb: 'probe_request.ask',
    sql: 'INSERT INTO probe_request (watch, asked_by, asked_at) VALUES (?,?,?)',
    args: [watch, asked_by, asked_at],
  };
}

export const all: Query<Request> = {
  verb: 'probe_request.all',
  sql: 'SELECT * FROM probe_request ORDER BY id LIMIT 100',
  args: [],
};

export function taken(id: number): Op {
  return { verb: 'probe_request.taken', sql: 'DELETE FROM probe_request WHERE id = ?', args: [id] };
}
