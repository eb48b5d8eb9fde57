/** slot_outcome: what a service says of a slot whose work is its own. `cron` takes it over into `slot`. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'slot_outcome',
  about: 'what a service says of a time at which its work was due',
  pen: { mailbox: 'cron' },
  keeps: 'until it is taken over',
};

export type Outcome = {
  slot_id: number;
  service: string;
  state: 'started' | 'done' | 'failed' | 'skipped';
  reason: string | null;
  at: number;
};

export function tell(outcome: Outcome): Op {
  return {
    verb: 'slot_outcome.tell',
    sql: 'INSERT INTO slot_outcome (slot_id, service, state, reason, at) VALUES (?,?,?,?,?)',
    args: [outcome.slot_id, outcome.service, outcome.state, outcome.reason, outcome.at],
    rings: 'slot_outcome',
  };
}

/** The oldest, and how the slot stands that it is of: null when there is no such slot of that service. */
export type Told = Outcome & { id: number; job: string | null; slot_state: string | null };

export const next: Query<Told> = {
  verb: 'slot_outcome.next',
  sql: `SELECT o.*, s.job, s.state AS slot_state FROM slot_outcome o
        LEFT JOIN slot s ON s.id = o.slot_id AND s.service = o.service ORDER BY o.id LIMIT 1`,
  args: [],
};

export function taken(id: number): Op {
  return { verb: 'slot_outcome.taken', sql: 'DELETE FROM slot_outcome WHERE id = ?', args: [id], expect: 1 };
}
