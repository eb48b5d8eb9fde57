/** fold: how far each table is folded into the counters, in the transaction that counts. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'fold',
  about: 'how far each table is folded into the counters',
  pen: { record: 'metrics' },
  keeps: 'one row a source',
};

export type Fold = {
  source: string;
  /** The rowid of the last row that was folded. */
  upto: number;
  /** The keys of the last ones, the oldest first. */
  keys_json: string;
};

export const all: Query<Fold> = { verb: 'fold.all', sql: 'SELECT * FROM fold', args: [] };

/** From where it stands alone (`Fenced`): what two have read is counted once. */
export function move(to: Fold, from: Fold | undefined): Op {
  return from === undefined
    ? {
        verb: 'fold.begin',
        sql: 'INSERT INTO fold (source, upto, keys_json) VALUES (?,?,?) ON CONFLICT DO NOTHING',
        args: [to.source, to.upto, to.keys_json],
        expect: 1,
      }
    : {
        verb: 'fold.move',
        sql: 'UPDATE fold SET upto = ?, keys_json = ? WHERE source = ? AND upto = ? AND keys_json = ?',
        args: [to.upto, to.keys_json, to.source, from.upto, from.keys_json],
        expect: 1,
      };
}
