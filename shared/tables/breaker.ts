/**
 * breaker: which targets have failed too often to be asked. closed → open → half open → closed | open. Shared by all
 * router processes, and kept over restarts. A target that never failed has no row, and one that works again none either.
 */

import { SET_BACK_ms } from '../base/clock.ts';
import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'breaker',
  about: 'the targets that have failed too often to be asked',
  pen: { record: 'router' },
  keeps: 'while it is not closed',
};

export type Breaker = {
  target: string;
  state: 'closed' | 'open' | 'half open';
  failures: number;
  /** open: when it may be tried again. half open: when the probe counts as lost. */
  due_at: number;
  changed_at: number;
  error: string | null;
};

export const all: Query<Breaker> = { verb: 'breaker.all', sql: 'SELECT * FROM breaker', args: [] };

/** One more failure; the `threshold`th in a row opens it until `due_at`, and so does any of a probe. */
export function failed(
  target: string,
  how: { now: number; due_at: number; threshold: number; error: string },
): Op<Breaker> {
  return {
    verb: 'breaker.failed',
    sql: `INSERT INTO breaker (target, state, failures, due_at, changed_at, error)
          VALUES (?, CASE WHEN 1 >= ? THEN 'open' ELSE 'closed' END, 1, ?, ?, ?)
          ON CONFLICT (target) DO UPDATE SET failures = failures + 1, error = excluded.error,
            due_at = excluded.due_at, changed_at = excluded.changed_at,
            state = CASE WHEN state = 'half open' OR failures + 1 >= ? THEN 'open' ELSE state END
          RETURNING *`,
    args: [target, how.threshold, how.due_at, how.now, how.error, how.threshold],
  };
}

/** It works. */
export function worked(target: string): Op<Breaker> {
  return { verb: 'breaker.worked', sql: 'DELETE FROM breaker WHERE target = ? RETURNING *', args: [target] };
}

/**
 * Takes the one probe that an open breaker allows once its time has come; `Fenced` when somebody else has it. One
 * that was written long after now counts as due: the clock was set back.
 */
export function probe(target: string, now: number, due_at: number): Op {
  return {
    verb: 'breaker.probe',
    sql: `UPDATE breaker SET state = 'half open', due_at = ?, changed_at = ?
          WHERE target = ? AND state <> 'closed' AND (due_at <= ? OR changed_at > ?)`,
    args: [due_at, now, target, now, now + SET_BACK_ms],
    expect: 1,
  };
}

/** The probe came to nothing, neither good nor bad: the next call may be one. */
export function release(target: string, now: number): Op {
  return {
    verb: 'breaker.release',
    sql: `UPDATE breaker SET state = 'open', due_at = ?, changed_at = ? WHERE target = ? AND state = 'half open'`,
    args: [now, now, target],
  };
}

/** Nobody asks a target whose breaker is half open: whoever tried it has died. In one unit after `call.abandon`. */
export function abandon(now: number): Op {
  return {
    verb: 'breaker.abandon',
    sql: `UPDATE breaker SET state = 'open', due_at = ?, changed_at = ? WHERE state = 'half open'
            AND NOT EXISTS (SELECT 1 FROM call c INDEXED BY call_open WHERE c.state = 'open' AND c.target = breaker.target)`,
    args: [now, now],
  };
}
