/** inspection: the store's check-up, once per boot of the machine. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'inspection',
  about: 'the check-up of the store after each boot',
  pen: { record: 'core' },
  keeps: { days: 400, since: 'finished_at' },
};

export function record(row: { boot_id: string; finished_at: number; verdict: string; took_ms: number }): Op {
  return {
    verb: 'inspection.record',
    sql: `INSERT INTO inspection (boot_id, finished_at, verdict, took_ms) VALUES (?,?,?,?) ON CONFLICT DO NOTHING`,
    args: [row.boot_id, row.finished_at, row.verdict, row.took_ms],
  };
}

export function of(boot_id: string): Query<{ verdict: string }> {
  return { verb: 'inspection.of', sql: 'SELECT verdict FROM inspection WHERE boot_id = ?', args: [boot_id] };
}
