/**
 * slot: every time at which something is due, once, and what came of it. `cron` alone writes it; the service whose work
 * it is tells by `slot_outcome`.
 *
 * due → started → done | failed | skipped.
 */

import type { Query, Table } from './op.ts';

export const table: Table = {
  name: 'slot',
  about: 'every time at which something was due, and what came of it',
  pen: { record: 'cron' },
  keeps: '400 days',
};

export type Slot = {
  id: number;
  job: string;
  due_at: number;
  /** The service whose work it is; null: a schedule of the owner's. */
  service: string | null;
  state: 'due' | 'started' | 'done' | 'failed' | 'skipped';
  reason: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
};

/** Those that were to begin before `begun_at`, or end before `ended_at`, and have not. */
export function overdue(begun_at: number, ended_at: number): Query<Slot> {
  return {
    verb: 'slot.overdue',
    sql: `SELECT * FROM slot INDEXED BY slot_open WHERE state IN ('due', 'started')
            AND (CASE state WHEN 'due' THEN due_at < ? ELSE started_at < ? END) ORDER BY id`,
    args: [begun_at, ended_at],
  };
}

/** What a service has to do: its open slots of which it has not yet told the end. A started one died with its process. */
export function openFor(service: string): Query<Slot> {
  return {
    verb: 'slot.openFor',
    sql: `SELECT s.* FROM slot s WHERE s.service = ? AND s.state IN ('due', 'started') AND NOT EXISTS
            (SELECT 1 FROM slot_outcome o WHERE o.slot_id = s.id AND o.state <> 'started') ORDER BY s.id`,
    args: [service],
  };
}
