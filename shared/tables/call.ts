/**
 * call: the ledger, one row per attempt to have a request answered. It is opened, with the most that the call can cost,
 * before anything leaves; it is settled with what the provider says it used. A row that a dead router left open is
 * abandoned and charged in full: money that may have been spent counts as spent.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'call',
  about: 'the ledger of model calls, from reservation to bill',
  pen: { record: 'router' },
  keeps: { days: 400, since: 'closed_at' },
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
  /** A batch is many requests in one row; it is settled when the provider has ended it, whoever lives by then. */
  kind: 'message' | 'batch';
  /** What the attempts of one request have in common; the first is 1. */
  request: string;
  attempt: number;
  caller: string;
  turn_id: string | null;
  conversation: string | null;
  alias: string | null;
  task: string | null;
  /** Nobody asked for it: a job, a check, the memory. */
  unasked: boolean;
  provider: string;
  model: string;
  /** Provider, organisation and model in one word: what breakers and limits go by. */
  target: string;
  /** Why it goes there: the candidates, and what spoke against each. */
  reason_json: string;
  stream: boolean;
  worker: number;
  owner: string;
  opened_at: number;
  /** The most it can cost. */
  hold_nanousd: number;
  /** The windows of `spend` in which it is reserved. */
  windows_json: string;
  price_rev: string;
};

/** Durable: the reservation is on the disk before the request leaves. */
export function open(call: Reservation): Op {
  return {
    verb: 'call.open',
    sql: `INSERT INTO call (id, kind, request, attempt, caller, turn_id, conversation, alias, task, unasked, provider,
            model, target, reason_json, stream, state, worker, owner, opened_at, hold_nanousd, windows_json, price_rev)
          VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,'open',?,?,?,?,?,?)`,
    args: [
      call.id,
      call.kind,
      call.request,
      call.attempt,
      call.caller,
      call.turn_id,
      call.conversation,
      call.alias,
      call.task,
      call.unasked ? 1 : 0,
      call.provider,
      call.model,
      call.target,
      call.reason_json,
      call.stream ? 1 : 0,
      call.worker,
      call.owner,
      call.opened_at,
      call.hold_nanousd,
      call.windows_json,
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
  cost_nanousd: number;
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
            cache_write_1h_tokens = ?, web_searches = ?, estimated = ?, cost_nanousd = ?, first_byte_ms = ?, latency_ms = ?
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
      bill.usage.web_searches,
      bill.estimated ? 1 : 0,
      bill.cost_nanousd,
      bill.first_byte_ms,
      bill.latency_ms,
      id,
    ],
    expect: 1,
  };
}

/**
 * Charges what dead routers left open: those of this worker with another owner than the living one. `call.settle` can
 * no longer touch it. In one unit with `spend.abandon` and `total.abandon`, which read what it is about to change.
 */
export function abandon(worker: number, owner: string, now: number): Op<{ id: string }> {
  return {
    verb: 'call.abandon',
    sql: `UPDATE call SET state = 'abandoned', closed_at = ?, estimated = 1, cost_nanousd = hold_nanousd,
            outcome = 'router died' WHERE state = 'open' AND worker = ? AND owner <> ? AND kind = 'message' RETURNING id`,
    args: [now, worker, owner],
    durable: true,
  };
}

/** The workers that have calls open. */
export const workers: Query<{ worker: number }> = {
  verb: 'call.workers',
  sql: `SELECT DISTINCT worker FROM call WHERE state = 'open' AND kind = 'message'`,
  args: [],
};

/** How the calls went that ended after `at`. */
export type Ended = Pick<Call, 'model' | 'kind' | 'first_byte_ms' | 'latency_ms'> & {
  closed_at: number;
  outcome: string;
  stream: number;
};

export function endedAfter(at: number): Query<Ended> {
  return {
    verb: 'call.endedAfter',
    sql: `SELECT model, kind, stream, closed_at, outcome, first_byte_ms, latency_ms FROM call INDEXED BY call_closed
          WHERE closed_at IS NOT NULL AND closed_at > ?`,
    args: [at],
  };
}

/** One attempt as the ledger has it. */
export type Call = Omit<Reservation, 'unasked' | 'stream'> & {
  state: 'open' | 'settled' | 'abandoned';
  closed_at: number | null;
  status: number | null;
  outcome: string | null;
  error_type: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_5m_tokens: number | null;
  cache_write_1h_tokens: number | null;
  cost_nanousd: number | null;
  estimated: number;
  first_byte_ms: number | null;
  latency_ms: number | null;
};

export function ofTurn(turn_id: string): Query<Call> {
  return {
    verb: 'call.ofTurn',
    sql: 'SELECT * FROM call WHERE turn_id = ? ORDER BY opened_at, id',
    args: [turn_id],
  };
}

/** What a turn's calls have come to so far. */
export function usedBy(turn_id: string): Query<{ tokens: number; latency_ms: number }> {
  return {
    verb: 'call.usedBy',
    sql: `SELECT coalesce(sum(latency_ms), 0) AS latency_ms, coalesce(sum(input_tokens + output_tokens + cache_read_tokens
            + cache_write_5m_tokens + cache_write_1h_tokens), 0) AS tokens FROM call WHERE turn_id = ?`,
    args: [turn_id],
  };
}

export function named(id: string): Query<Call> {
  return { verb: 'call.named', sql: 'SELECT * FROM call WHERE id = ?', args: [id] };
}

/** What the calls have cost that ended after `from_at`, up to `to_at`. */
export function costBetween(from_at: number, to_at: number): Query<{ cost_nanousd: number | null }> {
  return {
    verb: 'call.costBetween',
    sql: `SELECT sum(cost_nanousd) AS cost_nanousd FROM call INDEXED BY call_closed
          WHERE closed_at IS NOT NULL AND closed_at > ? AND closed_at <= ?`,
    args: [from_at, to_at],
  };
}

/** When a model last answered, as far as the latest thousand calls know. */
export function lastAnswer(now: number): Query<{ at: number | null }> {
  return {
    verb: 'call.lastAnswer',
    sql: `SELECT max(closed_at) AS at FROM (SELECT closed_at, outcome FROM call INDEXED BY call_closed
            WHERE closed_at IS NOT NULL AND closed_at <= ? ORDER BY closed_at DESC LIMIT 1000) WHERE outcome = 'ok'`,
    args: [now],
  };
}

export type Pace = Pick<Call, 'outcome' | 'latency_ms'>;

/** How the calls ended, and how long they took, that ended after `from_at`: the latest, at most so many. */
export function paces(from_at: number, most: number): Query<Pace> {
  return {
    verb: 'call.paces',
    sql: `SELECT outcome, latency_ms FROM call INDEXED BY call_closed WHERE closed_at IS NOT NULL AND closed_at > ?
          ORDER BY closed_at DESC LIMIT ?`,
    args: [from_at, most],
  };
}
