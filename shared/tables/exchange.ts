/** exchange: the very bytes of a call, so that a decision can be looked at, and replayed, for as long as the owner says. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'exchange',
  about: 'request and response of each call, byte for byte',
  pen: { record: 'router' },
  keeps: 'as [router] keep_days and keep_mb say',
  // The ledger's row stays.
  erase: { where: 'call_id IN gone_call' },
};

export type Exchange = {
  call_id: string;
  at: number;
  bytes: number;
  encoding: 'identity' | 'gzip';
  request: Uint8Array;
  response: Uint8Array;
};

export function keep(exchange: Omit<Exchange, 'bytes'>): Op {
  const { call_id, at, encoding, request, response } = exchange;
  return {
    verb: 'exchange.keep',
    sql: 'INSERT INTO exchange (call_id, at, bytes, encoding, request, response) VALUES (?,?,?,?,?,?)',
    args: [call_id, at, request.length + response.length, encoding, request, response],
  };
}

export function of(call_id: string): Query<Exchange> {
  return { verb: 'exchange.of', sql: 'SELECT * FROM exchange WHERE call_id = ?', args: [call_id] };
}

/** How much there is; read from the index alone. */
export const size: Query<{ count: number; bytes: number | null }> = {
  verb: 'exchange.size',
  sql: 'SELECT count(*) AS count, sum(bytes) AS bytes FROM exchange INDEXED BY exchange_at',
  args: [],
};

/** Removes the oldest: all before `before_at`, and as many more, `most` at once, as it takes to lose `bytes`. */
export function prune(before_at: number, bytes: number, most: number): Op<{ bytes: number }> {
  return {
    verb: 'exchange.prune',
    sql: `DELETE FROM exchange WHERE call_id IN (
            SELECT call_id FROM (
              SELECT call_id, at, sum(bytes) OVER (ORDER BY at, call_id) - bytes AS sooner
              FROM (SELECT call_id, at, bytes FROM exchange ORDER BY at, call_id LIMIT ?))
            WHERE at < ? OR sooner < ?) RETURNING bytes`,
    args: [most, before_at, bytes],
  };
}
