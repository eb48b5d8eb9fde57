/** allowance: money that the owner adds to one period of one budget, at once and for that period only. */

import type { Op, Table } from './op.ts';

export const table: Table = {
  name: 'allowance',
  about: 'money that was added to one period of a budget',
  pen: { mailbox: 'router' },
  keeps: { days: 400, since: 'given_at' },
};

/** The next call already may spend it; turns that wait for it are woken. */
export function give(allowance: { spend_id: string; nanousd: number; by: string; now: number }): Op {
  return {
    verb: 'allowance.give',
    sql: 'INSERT INTO allowance (spend_id, nanousd, given_by, given_at) VALUES (?,?,?,?)',
    args: [allowance.spend_id, allowance.nanousd, allowance.by, allowance.now],
    durable: true,
    rings: 'inbound',
  };
}
