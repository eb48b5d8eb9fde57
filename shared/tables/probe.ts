/** probe: what is watched outside, when it was looked at last, and what was seen there. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'probe',
  about: 'what is watched outside, and how the last look went',
  pen: { record: 'upstream' },
  keeps: 'one row a watch',
};

export type Probe = {
  /** `network`, `provider anthropic`, `page kernel`. */
  watch: string;
  /** What is looked at, in words: an address, mostly. */
  about: string;
  due_at: number;
  looked_at: number | null;
  ok_at: number | null;
  latency_ms: number | null;
  /** How often in a row it failed, and when the first of those was. */
  failures: number;
  failed_at: number | null;
  error: string | null;
  looks: number;
  good: number;
  /** What the next look is compared with. */
  seen_json: string;
};

export const all: Query<Probe> = { verb: 'probe.all', sql: 'SELECT * FROM probe ORDER BY watch', args: [] };

/** It is watched from now on; whoever is watched already keeps what was seen, unless it is another thing by the same name. */
export function watch(watch: string, about: string, due_at: number): Op {
  return {
    verb: 'probe.watch',
    sql: `INSERT INTO probe (watch, about, due_at) VALUES (?,?,?) ON CONFLICT (watch) DO UPDATE SET
            about = excluded.about, due_at = min(due_at, excluded.due_at),
            looked_at = CASE WHEN about = excluded.about THEN looked_at END,
            ok_at = CASE WHEN about = excluded.about THEN ok_at END,
            failures = CASE WHEN about = excluded.about THEN failures ELSE 0 END,
            failed_at = CASE WHEN about = excluded.about THEN failed_at END,
            error = CASE WHEN about = excluded.about THEN error END,
            seen_json = CASE WHEN about = excluded.about THEN seen_json ELSE '{}' END`,
    args: [watch, about, due_at],
  };
}

/** Nobody watches any others. */
export function unwatch(kept: readonly string[]): Op {
  return {
    verb: 'probe.unwatch',
    sql: 'DELETE FROM probe WHERE watch NOT IN (SELECT value FROM json_each(?))',
    args: [JSON.stringify(kept)],
  };
}

/** @param seen_json left out, what was seen before stays */
export function worked(
  watch: string,
  how: { now: number; due_at: number; latency_ms: number; seen_json?: string },
): Op {
  return {
    verb: 'probe.worked',
    sql: `UPDATE probe SET due_at = ?, looked_at = ?, ok_at = ?, latency_ms = ?, failures = 0, failed_at = NULL,
            error = NULL, looks = looks + 1, good = good + 1, seen_json = coalesce(?, seen_json) WHERE watch = ?`,
    args: [how.due_at, how.now, how.now, how.latency_ms, how.seen_json ?? null, watch],
  };
}

export function failed(watch: string, how: { now: number; due_at: number; error: string }): Op {
  return {
    verb: 'probe.failed',
    sql: `UPDATE probe SET due_at = ?, looked_at = ?, failures = failures + 1, failed_at = coalesce(failed_at, ?),
            error = ?, looks = looks + 1 WHERE watch = ?`,
    args: [how.due_at, how.now, how.now, how.error, watch],
  };
}

/** It is looked at again at `due_at`, at the latest. */
export function hasten(watch: string, due_at: number): Op {
  return {
    verb: 'probe.hasten',
    sql: 'UPDATE probe SET due_at = ? WHERE watch = ? AND due_at > ?',
    args: [due_at, watch, due_at],
  };
}

/** They may have failed for another's sake: what was seen of them counts no more, and they are looked at now. */
export function doubt(watches: readonly string[], now: number): Op {
  return {
    verb: 'probe.doubt',
    sql: `UPDATE probe SET failures = 1, failed_at = ?, due_at = min(due_at, ?)
          WHERE failures > 0 AND watch IN (SELECT value FROM json_each(?))`,
    args: [now, now, JSON.stringify(watches)],
  };
}

/** Times that are ahead are those of another clock: whatever they tell was now, and is looked at again at `due_at`. */
export function setBack(now: number, due_at: number): Op {
  return {
    verb: 'probe.setBack',
    sql: `UPDATE probe SET looked_at = min(looked_at, ?), ok_at = min(ok_at, ?), failed_at = min(failed_at, ?),
            due_at = min(due_at, ?) WHERE looked_at > ? OR looked_at IS NULL`,
    args: [now, now, now, due_at, now],
  };
}

/** After a sleep: a failure of before it that nothing has confirmed counts no more, and all is looked at anew. */
export function anew(due_at: number): Op {
  return {
    verb: 'probe.anew',
    sql: `UPDATE probe SET due_at = CASE WHEN failures = 0 THEN max(due_at, ?) ELSE ? END,
            failed_at = CASE WHEN failures > 1 THEN failed_at END, failures = CASE WHEN failures > 1 THEN failures ELSE 0 END`,
    args: [due_at, due_at],
  };
}
