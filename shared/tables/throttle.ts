/**
 * throttle: the rate limits, shared by all router processes. A bucket is two points in time (the generic cell rate
 * algorithm): until when its requests, and its tokens, are taken. Full is a minute ahead of now, and time empties it.
 */

import { SET_BACK_ms } from '../base/clock.ts';
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

/** It is of no use: it was written before the clock was set back. */
const OBSOLETE = `changed_at > excluded.changed_at + ${SET_BACK_ms}`;
/** What is left of `column` at the time of the taking. */
const LEVEL = (column: string) =>
  `CASE WHEN ${OBSOLETE} THEN excluded.changed_at ELSE max(${column}, excluded.changed_at) END`;
/** The block that holds at the time of the taking. */
const BLOCK = `CASE WHEN ${OBSOLETE} THEN 0 ELSE blocked_until_at END`;
/** There is room, or the bucket is empty: what is larger than a bucket fits into an empty one. */
const ROOM = (column: string) =>
  `(${column} <= excluded.changed_at OR ${column} + excluded.${column} - 2 * excluded.changed_at <= ${MINUTE_ms})`;

/** Takes from every bucket, or fails (`Fenced`) when one is full or blocked. */
export function take(takes: readonly Take[], now: number): Op {
  return {
    verb: 'throttle.take',
    sql: `INSERT INTO throttle (bucket, requests_at, tokens_at, blocked_until_at, changed_at)
          VALUES ${takes.map(() => '(?,?,?,0,?)').join(', ')}
          ON CONFLICT (bucket) DO UPDATE SET changed_at = excluded.changed_at, blocked_until_at = ${BLOCK},
            requests_at = ${LEVEL('requests_at')} + excluded.requests_at - excluded.changed_at,
            tokens_at = ${LEVEL('tokens_at')} + excluded.tokens_at - excluded.changed_at
          WHERE ${OBSOLETE} OR (blocked_until_at <= excluded.changed_at
            AND ${ROOM('requests_at')} AND ${ROOM('tokens_at')})`,
    args: takes.flatMap(({ bucket, request_ms, tokens_ms }) => [
      bucket,
      now + request_ms,
      now + tokens_ms,
      now,
    ]),
    expect: takes.length,
  };
}

/** The tokens turned out to be more, or fewer, than was thought: `tokens_ms` may be negative. */
export function correct(takes: readonly Pick<Take, 'bucket' | 'tokens_ms'>[]): Op {
  const marks = takes.map(() => '?').join(', ');
  return {
    verb: 'throttle.correct',
    sql: `UPDATE throttle SET tokens_at = tokens_at + CASE bucket ${takes.map(() => 'WHEN ? THEN ?').join(' ')} END
          WHERE bucket IN (${marks})`,
    args: [
      ...takes.flatMap(({ bucket, tokens_ms }) => [bucket, tokens_ms]),
      ...takes.map(({ bucket }) => bucket),
    ],
  };
}

/** The provider has said that nothing more is taken until then. */
export function block(bucket: string, until_at: number, now: number): Op {
  return {
    verb: 'throttle.block',
    sql: `INSERT INTO throttle (bucket, requests_at, tokens_at, blocked_until_at, changed_at) VALUES (?, 0, 0, ?, ?)
          ON CONFLICT (bucket) DO UPDATE SET changed_at = excluded.changed_at,
            requests_at = ${LEVEL('requests_at')}, tokens_at = ${LEVEL('tokens_at')},
            blocked_until_at = max(${BLOCK}, excluded.blocked_until_at)`,
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
