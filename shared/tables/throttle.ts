/**
 * throttle: the rate limits, shared by all router processes. A bucket is two points in time (the generic cell rate
 * algorithm): until when its requests, and its tokens, are taken. Full is a minute ahead of now, and time empties it.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'throttle',
  about: 'how much of each rate limit is taken',
  pen: { record: 'router' },
  keeps: 'one row a bucket',
};

export type Throttle = {
  bucket: string;
  requests_at: number;
  tokens_at: number;
  blocked_until_at: number;
  changed_at: number;
};

/** What one call takes from a bucket, as time: a 60th of a minute for one of 60 requests. */
export type Take = { bucket: string; request_ms: number; tokens_ms: number };

const MINUTE_ms = 60_000;

/** What is left of `column` at the time of the taking. A row from a later time is of a clock that has gone back. */
const LEVEL = (column: string) =>
  `CASE WHEN changed_at > excluded.changed_at THEN excluded.changed_at ELSE max(${column}, excluded.changed_at) END`;
/** There is room, or the bucket is empty: what is larger than a bucket fits into an empty one. */
const ROOM = (column: string) =>
  `(${column} <= excluded.changed_at OR ${column} + excluded.${column} - 2 * excluded.changed_at <= ${MINUTE_ms})`;

/** Takes from every bucket, or fails (`Fenced`, with this verb) when one is full or blocked. */
export function take(takes: readonly Take[], now: number): Op {
  return {
    verb: 'throttle.take',
    sql: `INSERT INTO throttle (bucket, requests_at, tokens_at, blocked_until_at, changed_at)
          SELECT t.value ->> 'bucket', now + (t.value ->> 'request_ms'), now + (t.value ->> 'tokens_ms'), 0, now
          FROM json_each(?) t, (SELECT ? AS now) WHERE true
          ON CONFLICT (bucket) DO UPDATE SET changed_at = excluded.changed_at,
            requests_at = ${LEVEL('requests_at')} + excluded.requests_at - excluded.changed_at,
            tokens_at = ${LEVEL('tokens_at')} + excluded.tokens_at - excluded.changed_at
          WHERE changed_at > excluded.changed_at OR (blocked_until_at <= excluded.changed_at
            AND ${ROOM('requests_at')} AND ${ROOM('tokens_at')})`,
    args: [JSON.stringify(takes), now],
    expect: takes.length,
  };
}

/** The tokens turned out to be more, or fewer, than was thought: `tokens_ms` may be negative. */
export function correct(takes: readonly Take[]): Op {
  return {
    verb: 'throttle.correct',
    sql: `UPDATE throttle SET tokens_at = tokens_at + (t.value ->> 'tokens_ms')
          FROM json_each(?) t WHERE throttle.bucket = t.value ->> 'bucket'`,
    args: [JSON.stringify(takes)],
  };
}

/** The provider has said that nothing more is taken until then. */
export function block(bucket: string, until_at: number, now: number): Op {
  return {
    verb: 'throttle.block',
    sql: `INSERT INTO throttle (bucket, requests_at, tokens_at, blocked_until_at, changed_at) VALUES (?, 0, 0, ?, ?)
          ON CONFLICT (bucket) DO UPDATE SET changed_at = excluded.changed_at,
            requests_at = ${LEVEL('requests_at')}, tokens_at = ${LEVEL('tokens_at')},
            blocked_until_at = max(excluded.blocked_until_at,
              CASE WHEN changed_at > excluded.changed_at THEN 0 ELSE blocked_until_at END)`,
    args: [bucket, until_at, now],
  };
}

export function of(buckets: readonly string[]): Query<Throttle> {
  return {
    verb: 'throttle.of',
    sql: 'SELECT * FROM throttle WHERE bucket IN (SELECT value FROM json_each(?))',
    args: [JSON.stringify(buckets)],
  };
}
