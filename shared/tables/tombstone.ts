/** tombstone: what was forgotten, as a keyed hash, so that it is neither learnt again nor brought back by a backup. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'tombstone',
  about: 'what was forgotten, so that it does not return',
  pen: { record: 'memory' },
  keeps: 'for good',
};

export type Tombstone = {
  hmac: string;
  kind: 'turn' | 'memory' | 'text';
  at: number;
};

/** Durable: nothing is erased before it is known not to come back. */
export function set(stones: readonly Tombstone[]): Op {
  return {
    verb: 'tombstone.set',
    sql: `INSERT INTO tombstone (hmac, kind, at)
          SELECT value ->> 'hmac', value ->> 'kind', value ->> 'at' FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`,
    args: [JSON.stringify(stones)],
    durable: true,
  };
}

/** Which of these are there. */
export function among(hmacs: readonly string[]): Query<{ hmac: string }> {
  return {
    verb: 'tombstone.among',
    sql: 'SELECT hmac FROM tombstone WHERE hmac IN (SELECT value FROM json_each(?))',
    args: [JSON.stringify(hmacs)],
  };
}

export const all: Query<Tombstone> = { verb: 'tombstone.all', sql: 'SELECT * FROM tombstone', args: [] };
