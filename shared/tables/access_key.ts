/**
 * access_key: one for each client on this machine that uses the router. The key itself is nowhere: it is 256 random
 * bits, so that its SHA-256 proves it and cannot be turned back into it.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'access_key',
  about: 'the clients that may use the router, and how far',
  pen: { record: 'cli' },
  keeps: 'for good, revoked ones too: the ledger names them',
};

export type AccessKey = {
  name: string;
  hash: string;
  /** The aliases and model names that it may ask for; null: all. */
  aliases_json: string | null;
  hour_nanousd: number | null;
  day_nanousd: number | null;
  month_nanousd: number | null;
  calls_per_hour: number | null;
  created_at: number;
  revoked_at: number | null;
};

/** A name is given once, and never again after it was revoked (`Fenced`): the ledger would mix two clients up. */
export function add(key: Omit<AccessKey, 'revoked_at'>): Op {
  return {
    verb: 'access_key.add',
    sql: `INSERT INTO access_key (name, hash, aliases_json, hour_nanousd, day_nanousd, month_nanousd, calls_per_hour, created_at)
          VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
    args: [
      key.name,
      key.hash,
      key.aliases_json,
      key.hour_nanousd,
      key.day_nanousd,
      key.month_nanousd,
      key.calls_per_hour,
      key.created_at,
    ],
    expect: 1,
    durable: true,
  };
}

/** In force with the next request. `Fenced` when there is no such key, or it is revoked already. */
export function revoke(name: string, now: number): Op {
  return {
    verb: 'access_key.revoke',
    sql: 'UPDATE access_key SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL',
    args: [now, name],
    expect: 1,
    durable: true,
  };
}

export const all: Query<AccessKey> = {
  verb: 'access_key.all',
  sql: 'SELECT * FROM access_key ORDER BY created_at',
  args: [],
};
