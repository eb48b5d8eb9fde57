/** fire: a run of a job that a person wants now, whatever its times are. `cron` makes a slot of it. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'fire',
  about: 'runs of jobs that somebody wants now',
  pen: { mailbox: 'cron' },
  keeps: 'until it is taken over',
};

export type Fire = { id: number; job: string; given_by: string; at: number };

export function ask({ job, given_by, at }: Omit<Fire, 'id'>): Op {
  return {
    verb: 'fire.ask',
    sql: 'INSERT INTO fire (job, given_by, at) VALUES (?,?,?)',
    args: [job, given_by, at],
    durable: true,
    rings: 'schedule',
  };
}

export const next: Query<Fire> = {
  verb: 'fire.next',
  sql: 'SELECT * FROM fire ORDER BY id LIMIT 1',
  args: [],
};

export function taken(id: number): Op {
  return { verb: 'fire.taken', sql: 'DELETE FROM fire WHERE id = ?', args: [id], expect: 1 };
}
