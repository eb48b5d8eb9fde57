/** fold_open: rows that the fold has passed while they were going on; they are counted when they end. */

import type { Query, Table } from './op.ts';

export const table: Table = {
  name: 'fold_open',
  about: 'what was still going on when it was passed',
  pen: { record: 'metrics' },
  keeps: 'until it is over',
};

export type Open = { source: string; row: number };

export const all: Query<Open> = { verb: 'fold_open.all', sql: 'SELECT * FROM fold_open', args: [] };
