/** fold_open: rows that the fold has passed while they were going on; they are counted when they end. */

import type { Op, Table } from './op.ts';

export const table: Table = {
  name: 'fold_open',
  about: 'what was still going on when it was passed',
  pen: { record: 'metrics' },
  keeps: 'until it is over',
};

export function keep(source: string, keys: readonly string[]): Op {
  return {
    verb: 'fold_open.keep',
    sql: 'INSERT INTO fold_open (source, key) SELECT ?, value FROM json_each(?) WHERE true ON CONFLICT DO NOTHING',
    args: [source, JSON.stringify(keys)],
  };
}

/** They are over, or gone. All of them (`Fenced`): each is counted once. */
export function drop(source: string, keys: readonly string[]): Op {
  return {
    verb: 'fold_open.drop',
    sql: 'DELETE FROM fold_open WHERE source = ? AND key IN (SELECT value FROM json_each(?))',
    args: [source, JSON.stringify(keys)],
    expect: keys.length,
  };
}
