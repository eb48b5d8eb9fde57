/**
 * call: the ledger, one row per model call. It is opened, with the most that the call can cost, before anything
 * leaves; it is settled with what the provider says it used. A row that a dead router left open is abandoned and
 * charged in full: money that may have been spent counts as spent.
 */

import type { Op, Table } from './op.ts';

export const table: Table = {
  name: 'call',
  about: 'the ledger of model calls, from reservation to bill',
  pen: { record: 'router' },
  keeps: '400 days',
};

export type Usage = {
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_write_5m_tokens: number;
  cache_write_1h_tokens: number;
  web_searches: number;
};

export type Reservation = {
  id: string;
  caller: string;
  turn_id: string | null;
  provider: string;
  model: string;
  stream: boolean;
  owner: string;
  opened_at: number;
  /** The most it can cost; null when the model has no price. */
  hold_nanousd: number | null;
  price_rev: string | null;
};

/** Durable: the reservation is on the disk before the request leaves. */
export function open(call: Reservation): Op {
  return {
    verb: 'call.open',
    sql: `INSERT INTO call (id, caller, turn_id, provider, model, stream, state, owner, opened_at, hold_nanousd, price_rev)
          VALUES (?,?,?,?,?,?,'open',?,?,?,?)`,
    args: [
      call.id,
      call.caller,
      call.turn_id,
      call.provider,
      call.model,
      call.stream ? 1 : 0,
      call.owner,
      call.opened_at,
      call.hold_nanousd,
      call.price_rev,
    ],
    durable: true,
  };
}

export type Bill = {
  closed_at: number;
  status: number | null;
  /** How it ended: `ok`, `refused` (an error status), `cut`, `left` (the caller went away), `unreachable`. */
  outcome: 'ok' | 'refused' | 'cut' | 'left' | 'unreachable';
  error_type: string | null;
  request_id: string | null;
  usage: Usage;
  /** The usage is our upper bound, since the provider could not say. */
  estimated: boolean;
  cost_nanousd: number | null;
  first_byte_ms: number | null;
  latency_ms: number;
};

/**
 * Settles once: a second settling is fenced off. Not durable by itself: a power cut that takes it back leaves the row
 * open, and the next router charges the whole reservation, so nothing that was spent is ever forgotten.
 */
export function settle(id: string, bill: Bill): Op {
  return {
    verb: 'call.settle',
    sql: `UPDATE call SET state = 'settled', closed_at = ?, status = ?, outcome = ?, error_type = ?, request_id = ?,
            input_tokens = ?, output_tokens = ?, cache_read_tokens = ?, cache_write_5m_tokens = ?,
            cache_write_1h_tokens = ?, estimated = ?, cost_nanousd = ?, first_byte_ms = ?, latency_ms = ?
          WHERE id = ? AND state = 'open'`,
    args: [
      bill.closed_at,
      bill.status,
      bill.outcome,
      bill.error_type,
      bill.request_id,
      bill.usage.input_tokens,
      bill.usage.output_tokens,
      bill.usage.cache_read_tokens,
      bill.usage.cache_write_5m_tokens,
      bill.usage.cache_write_1h_tokens,
      bill.estimated ? 1 : 0,
      bill.cost_nanousd,
      bill.first_byte_ms,
      bill.latency_ms,
      id,
    ],
    expect: 1,
  };
}

/** Charges what dead routers left open. `call.settle` can no longer touch it. */
export function abandon(owner: string, now: number): Op<{ id: string }> {
  return {
    verb: 'call.abandon',
    sql: `UPDATE call SET state = 'abandoned', closed_at = ?, estimated = 1, cost_nanousd = hold_nanousd,
            outcome = 'router died' WHERE state = 'open' AND owner <> ? RETURNING id`,
    args: [now, owner],
    durable: true,
  };
}
