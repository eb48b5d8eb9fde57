/** fold: how far each table is folded into the counters, in the transaction that counts. */

import type { Query, Table } from './op.ts';

export const table: Table = {
  name: 'fold',
  about: 'how far each table is folded into the counters',
  pen: { record: 'metrics' },
  keeps: 'one row a source',
};

export type Fold = { source: string; upto: number; upto_key: string };

export const all: Query<Fold> = { verb: 'fold.all', sql: 'SELECT * FROM fold', args: [] };
