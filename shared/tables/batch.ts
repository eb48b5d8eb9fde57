/**
 * batch: the message batches that clients have submitted through the router, each beside its row of the ledger. One is
 * open, with a time at which to look at it, from before it is sent until its bill is written, which may be a day and
 * several routers later. It also says whose a batch is, so that nobody else gets to see it.
 */

import type { Reservation } from './call.ts';
import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'batch',
  about: 'the message batches submitted through the router, and whose they are',
  pen: { record: 'router' },
  keeps: { as: 'call', by: 'call_id' },
};

export type Batch = {
  seq: number;
  call_id: string;
  /** The provider's name for it; null while nobody knows whether the provider has it. */
  batch_id: string | null;
  /** Whose it is: the name of an access key; null: the suite's. */
  access_key: string | null;
  provider: string;
  organisation: string;
  requests: number;
  /** A digest of the custom_ids, whatever their order: it tells the batch again from its results. */
  custom_ids: string;
  /** The API's own headers of the submission: version, betas, workspace. */
  headers_json: string;
  /** The models it asks for, with their prices when it was submitted. */
  prices_json: string;
  /** When to look at it next; null when it is settled. */
  due_at: number | null;
  /** When the provider was first seen not to have it. */
  missed_at: number | null;
  /** As the provider described it last; null when it is unknown, or was deleted. */
  info_json: string | null;
  /** What it was submitted under: under the same name there is no second one. */
  step: string | null;
};

/** The provider has taken it, or nobody knows whether it has. */
const STANDING = '(b.batch_id IS NOT NULL OR b.due_at IS NOT NULL)';

/** With what its row of the ledger says. */
export type Open = Batch &
  Pick<
    Reservation,
    'caller' | 'conversation' | 'alias' | 'task' | 'model' | 'hold_nanousd' | 'windows_json'
  > & {
    opened_at: number;
  };

/** In one unit with `call.open`, which makes it durable. `Fenced` when its step has one that was, or may be, taken. */
export function open(batch: Omit<Batch, 'seq' | 'batch_id' | 'missed_at' | 'info_json'>): Op {
  return {
    verb: 'batch.open',
    sql: `INSERT INTO batch (call_id, access_key, provider, organisation, requests, custom_ids, headers_json, prices_json, due_at,
            step)
          SELECT ?,?,?,?,?,?,?,?,?,? WHERE NOT EXISTS (SELECT 1 FROM batch b WHERE b.step = ? AND ${STANDING})`,
    args: [
      batch.call_id,
      batch.access_key,
      batch.provider,
      batch.organisation,
      batch.requests,
      batch.custom_ids,
      batch.headers_json,
      batch.prices_json,
      batch.due_at,
      batch.step,
      batch.step,
    ],
    expect: 1,
  };
}

/** The provider has taken it. Durable: whoever hears of the batch can ask for it ever after. */
export function accept(call_id: string, of: { batch_id: string; info_json: string; due_at: number }): Op {
  return {
    verb: 'batch.accept',
    sql: `UPDATE batch SET batch_id = ?, info_json = ?, due_at = ?
          WHERE call_id = ? AND batch_id IS NULL AND due_at IS NOT NULL`,
    args: [of.batch_id, of.info_json, of.due_at, call_id],
    expect: 1,
    durable: true,
  };
}

/** Looks at it again at `due_at`. `Fenced` when somebody else has put it off since it was read: it is theirs then. */
export function defer(batch: Pick<Batch, 'call_id' | 'due_at'>, due_at: number): Op {
  return {
    verb: 'batch.defer',
    sql: 'UPDATE batch SET due_at = ? WHERE call_id = ? AND due_at = ?',
    args: [due_at, batch.call_id, batch.due_at],
    expect: 1,
  };
}

export function missed(call_id: string, now: number): Op {
  return {
    verb: 'batch.missed',
    sql: 'UPDATE batch SET missed_at = coalesce(missed_at, ?) WHERE call_id = ?',
    args: [now, call_id],
  };
}

/** What the provider says of it now. */
export function heard(call_id: string, info_json: string): Op {
  return {
    verb: 'batch.heard',
    sql: 'UPDATE batch SET info_json = ? WHERE call_id = ?',
    args: [info_json, call_id],
  };
}

/**
 * Its bill is written, in one unit with `call.settle`, which happens once. `found` names a batch that was recognised by
 * its results: `Fenced` when another row has recognised the same one.
 */
export function close(call_id: string, found: { batch_id: string; info_json: string } | null): Op {
  return {
    verb: 'batch.close',
    sql: `UPDATE batch SET due_at = NULL, batch_id = coalesce(?, batch_id), info_json = coalesce(?, info_json)
          WHERE call_id = ? AND due_at IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM batch other WHERE other.batch_id = ? AND other.call_id <> batch.call_id)`,
    args: [found?.batch_id ?? null, found?.info_json ?? null, call_id, found?.batch_id ?? null],
    expect: 1,
  };
}

/** It is deleted at the provider. */
export function forget(call_id: string): Op {
  return {
    verb: 'batch.forget',
    sql: 'UPDATE batch SET info_json = NULL WHERE call_id = ?',
    args: [call_id],
  };
}

const OPEN = `SELECT b.*, c.caller, c.conversation, c.alias, c.task, c.model, c.hold_nanousd, c.windows_json, c.opened_at
  FROM batch b JOIN call c ON c.id = b.call_id`;

/** Those that are to be looked at. */
export function due(now: number): Query<Open> {
  return { verb: 'batch.due', sql: `${OPEN} WHERE b.due_at <= ? ORDER BY b.due_at`, args: [now] };
}

/** Those of which nobody knows whether the provider has them. */
export const unknown: Query<Open> = {
  verb: 'batch.unknown',
  sql: `${OPEN} WHERE b.due_at IS NOT NULL AND b.batch_id IS NULL`,
  args: [],
};

/** By the provider's name. */
export function of(batch_id: string): Query<Open> {
  return { verb: 'batch.of', sql: `${OPEN} WHERE b.batch_id = ? ORDER BY b.seq DESC`, args: [batch_id] };
}

/** The one that was submitted under this step. */
export function ofStep(step: string): Query<Open> {
  return { verb: 'batch.ofStep', sql: `${OPEN} WHERE b.step = ? AND ${STANDING}`, args: [step] };
}

/** Which of these the router has submitted. */
export function known(batch_ids: readonly string[]): Query<{ batch_id: string }> {
  return {
    verb: 'batch.known',
    sql: 'SELECT batch_id FROM batch WHERE batch_id IN (SELECT value FROM json_each(?))',
    args: [JSON.stringify(batch_ids)],
  };
}

/** A page of the list, the latest first: before `below`, or with `above` what comes just after, the nearest first. */
export function page(
  access_key: string | null,
  from: { below: number } | { above: number },
  limit: number,
): Query<{ seq: number; info_json: string }> {
  const [bound, order] = 'below' in from ? ['seq < ?', 'DESC'] : ['seq > ?', 'ASC'];
  return {
    verb: 'batch.page',
    sql: `SELECT seq, info_json FROM batch WHERE ${bound} AND info_json IS NOT NULL AND (? IS NULL OR access_key = ?)
          ORDER BY seq ${order} LIMIT ?`,
    args: ['below' in from ? from.below : from.above, access_key, access_key, limit],
  };
}
