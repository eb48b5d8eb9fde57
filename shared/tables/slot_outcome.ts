/** slot_outcome: what a service says of a slot whose work is its own. `cron` takes it over into `slot`. */

import type { Op, Table } from './op.ts';

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
