/**
 * finding: what the owner should know of what is outside. While it lasts, its cause has one row. An outage is told by
 * its incident, which is opened and closed in the same commit; news by one message, posted in the commit that finds it.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'finding',
  about: 'what was found outside that the owner should know',
  pen: { record: 'upstream' },
  keeps: { days: 400, since: 'over_at' },
};

export type Finding = {
  id: number;
  /** What it is about, the same words each time: `provider anthropic`, `release 1.2.0`. */
  cause: string;
  kind: 'outage' | 'news';
  severity: 'info' | 'warning' | 'critical';
  text: string;
  /** What to do about it. */
  cure: string | null;
  first_seen_at: number;
  last_seen_at: number;
  /** When it was handed to those who tell. */
  told_at: number | null;
  over_at: number | null;
};

export type Found = Pick<Finding, 'cause' | 'kind' | 'severity' | 'text' | 'cure'>;

/** @param how over_at: it is a thing of the moment, and does not last */
export function open(found: Found, how: { now: number; told_at: number | null; over_at: number | null }): Op {
  return {
    verb: 'finding.open',
    sql: `INSERT INTO finding (cause, kind, severity, text, cure, first_seen_at, last_seen_at, told_at, over_at)
          VALUES (?,?,?,?,?,?,?,?,?)`,
    args: [
      found.cause,
      found.kind,
      found.severity,
      found.text,
      found.cure,
      how.now,
      how.now,
      how.told_at,
      how.over_at,
    ],
    durable: true,
  };
}

/** It lasts, in these words now. */
export function seen({ cause, text }: Pick<Finding, 'cause' | 'text'>, now: number): Op {
  return {
    verb: 'finding.seen',
    sql: 'UPDATE finding SET last_seen_at = ?, text = ? WHERE cause = ? AND over_at IS NULL',
    args: [now, text, cause],
  };
}

export function told(id: number, now: number): Op {
  return { verb: 'finding.told', sql: 'UPDATE finding SET told_at = ? WHERE id = ?', args: [now, id] };
}

export function over(cause: string, now: number): Op {
  return {
    verb: 'finding.over',
    sql: 'UPDATE finding SET over_at = ? WHERE cause = ? AND over_at IS NULL',
    args: [now, cause],
    durable: true,
  };
}

export const ongoing: Query<Finding> = {
  verb: 'finding.ongoing',
  sql: 'SELECT * FROM finding INDEXED BY finding_open WHERE over_at IS NULL ORDER BY id',
  args: [],
};

/** Which of these news were told before and have ended since. */
export function toldBefore(causes: readonly string[]): Query<Pick<Finding, 'cause'>> {
  return {
    verb: 'finding.toldBefore',
    sql: `SELECT DISTINCT cause FROM finding
          WHERE kind = 'news' AND told_at IS NOT NULL AND cause IN (SELECT value FROM json_each(?))`,
    args: [JSON.stringify(causes)],
  };
}

/** Those that last, and the latest that are over. */
export function latest(most: number): Query<Finding> {
  return {
    verb: 'finding.latest',
    sql: 'SELECT * FROM finding ORDER BY over_at IS NULL DESC, id DESC LIMIT ?',
    args: [most],
  };
}
