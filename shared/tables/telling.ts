/**
 * telling: what the owner was told of an incident, when, and by which routes. A row for its begin, one for each reminder
 * and one for its end, so that each is told once; what was told in one message bears that message's name, and is changed
 * together. `alerts` appends, and `watchdog` where that does not; `watchdog` sees each message through.
 */

import type { Incident } from './incident.ts';
import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'telling',
  about: 'what the owner was told of each incident, and by which route',
  pen: { mailbox: 'watchdog' },
  keeps: '400 days',
};

export type Phase = 'begun' | 'reminder' | 'over';

/**
 * When each route has taken it: `usual` is the bridge, `direct` the watchdog's own word to the Bot API; `sender`: core has
 * told whoever waits for the answer; `with`: another incident, told for both; `seen`: the owner knew already; `silenced`: the
 * owner did not want to hear of it.
 */
export type Routes = {
  usual?: number;
  direct?: number;
  ntfy?: number;
  webhook?: number;
  sender?: number;
  with?: number;
  seen?: number;
  silenced?: number;
};

export type Telling = {
  incident_id: number;
  phase: Phase;
  /** Of reminders, from 1. */
  nth: number;
  message: string;
  posted_at: number;
  /** By whatever route: it needs no further one. */
  told_at: number | null;
  routes_json: string;
  tries: number;
  due_at: number;
  error: string | null;
};

/** So many incidents are looked at for what comes and goes. */
const LATEST = 500;

/** An incident of which something is to be told. */
export type Due = Incident & {
  phase: Phase;
  /** How often its cause has been opened of late. */
  times: number;
};

/**
 * What nobody has been told of yet: what has begun, and what has ended since `since_at`. Of late is since `late_at`, and
 * among the latest incidents.
 */
export function due(since_at: number, late_at: number): Query<Due> {
  return {
    verb: 'telling.due',
    sql: `SELECT d.*, (SELECT count(*) FROM incident l WHERE l.id > d.id - ${LATEST} AND l.cause = d.cause
                         AND l.opened_at > ?) AS times FROM (
          SELECT i.*, 'begun' AS phase FROM incident i INDEXED BY incident_open WHERE i.closed_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM telling t WHERE t.incident_id = i.id AND t.phase = 'begun')
          UNION ALL
          SELECT i.*, 'over' AS phase FROM incident i INDEXED BY incident_closed
          WHERE i.closed_at IS NOT NULL AND i.closed_at > ?
            AND NOT EXISTS (SELECT 1 FROM telling t WHERE t.incident_id = i.id AND t.phase = 'over')
          ) d ORDER BY opened_at`,
    args: [late_at, since_at],
  };
}

/** The latest row there is. */
export const last: Query<{ last: number }> = {
  verb: 'telling.last',
  sql: 'SELECT coalesce(max(rowid), 0) AS last FROM telling',
  args: [],
};

/** Writes nothing: voids its unit (`Fenced`) when anybody has announced anything since `last` was read. */
export function asOf(last: number): Op {
  return {
    verb: 'telling.asOf',
    sql: 'SELECT 1 WHERE (SELECT coalesce(max(rowid), 0) FROM telling) = ?',
    args: [last],
    expect: 1,
  };
}

/** @throws Fenced when that is told already */
export function post(
  telling: Pick<Telling, 'incident_id' | 'phase' | 'message'> & { nth?: number; now: number; told?: Routes },
): Op {
  const { incident_id, phase, nth = 0, message, now, told } = telling;
  return {
    verb: 'telling.post',
    sql: `INSERT INTO telling (incident_id, phase, nth, message, posted_at, told_at, routes_json, due_at)
          VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
    args: [incident_id, phase, nth, message, now, told ? now : null, JSON.stringify(told ?? {}), now],
    expect: 1,
    durable: true,
  };
}

/** The same of an incident that is opened in the same unit. */
export function begin(cause: string, message: string, now: number): Op {
  return {
    verb: 'telling.begin',
    sql: `INSERT INTO telling (incident_id, phase, message, posted_at, due_at)
          SELECT id, 'begun', ?, ?, ? FROM incident WHERE cause = ? AND closed_at IS NULL ON CONFLICT DO NOTHING`,
    args: [message, now, now, cause],
    expect: 1,
    durable: true,
  };
}

/** What was told of the open incident of this cause while there was no store. */
export function adopt(cause: string, message: string, now: number, told: Routes): Op {
  return {
    verb: 'telling.adopt',
    sql: `INSERT INTO telling (incident_id, phase, message, posted_at, told_at, routes_json, due_at)
          SELECT id, 'begun', ?, ?, ?, ?, ? FROM incident WHERE cause = ? AND closed_at IS NULL ON CONFLICT DO NOTHING`,
    args: [message, now, now, JSON.stringify(told), now, cause],
    durable: true,
  };
}

/** How far a message has come. */
export function tell(
  message: string,
  how: { told_at: number | null; routes: Routes; due_at: number; error: string | null },
): Op {
  return {
    verb: 'telling.tell',
    sql: `UPDATE telling SET told_at = ?, routes_json = ?, tries = tries + 1, due_at = ?, error = ? WHERE message = ?`,
    args: [how.told_at, JSON.stringify(how.routes), how.due_at, how.error, message],
    durable: true,
  };
}

/** An open incident that was told by itself, and when last. */
export type Told = Incident & { last_at: number; nth: number; acknowledged_at: number | null };

export const ongoing: Query<Told> = {
  verb: 'telling.ongoing',
  sql: `SELECT i.*, a.at AS acknowledged_at, l.posted_at AS last_at, l.nth
        FROM incident i INDEXED BY incident_open
        JOIN telling b ON b.incident_id = i.id AND b.phase = 'begun' AND b.nth = 0
        JOIN telling l ON l.incident_id = i.id
          AND l.nth = (SELECT max(nth) FROM telling t WHERE t.incident_id = i.id)
        LEFT JOIN acknowledgement a ON a.incident_id = i.id
        WHERE i.closed_at IS NULL AND json_extract(b.routes_json, '$.with') IS NULL
          AND json_extract(b.routes_json, '$.sender') IS NULL ORDER BY i.opened_at`,
  args: [],
};

/** An incident as it is being told. */
export type Open = Incident &
  Pick<Telling, 'phase' | 'message' | 'posted_at' | 'routes_json' | 'tries' | 'due_at' | 'error'>;

/** What was not told to its end. */
export const open: Query<Open> = {
  verb: 'telling.open',
  sql: `SELECT i.*, t.phase, t.message, t.posted_at, t.routes_json, t.tries, t.due_at, t.error
        FROM telling t INDEXED BY telling_open JOIN incident i ON i.id = t.incident_id
        WHERE t.told_at IS NULL ORDER BY t.message, i.opened_at`,
  args: [],
};

/** Since when something that was tried has not been told. What waits for the end of quiet hours is not tried. */
export const inVain: Query<{ since_at: number | null }> = {
  verb: 'telling.inVain',
  sql: 'SELECT min(posted_at) AS since_at FROM telling INDEXED BY telling_open WHERE told_at IS NULL AND tries > 0',
  args: [],
};

/** One of the latest incidents, and whether its begin was told by itself, or together with another. */
export type Recent = Pick<Incident, 'id' | 'cause' | 'text' | 'opened_at' | 'closed_at'> & {
  told: 'no' | 'itself' | 'with';
};

export const recent: Query<Recent> = {
  verb: 'telling.recent',
  sql: `SELECT i.id, i.cause, i.text, i.opened_at, i.closed_at,
          CASE WHEN t.incident_id IS NULL THEN 'no'
               WHEN json_extract(t.routes_json, '$.with') IS NULL AND json_extract(t.routes_json, '$.sender') IS NULL
               THEN 'itself' ELSE 'with' END AS told
        FROM incident i LEFT JOIN telling t ON t.incident_id = i.id AND t.phase = 'begun'
        WHERE i.id > (SELECT max(id) FROM incident) - ${LATEST}`,
  args: [],
};

/** All that was told of these incidents. */
export function ofIncidents(ids: readonly number[]): Query<Telling> {
  return {
    verb: 'telling.ofIncidents',
    sql: 'SELECT * FROM telling WHERE incident_id IN (SELECT value FROM json_each(?)) ORDER BY posted_at',
    args: [JSON.stringify(ids)],
  };
}

/** The incidents that were told in one message. */
export function inMessage(message: string): Query<Incident> {
  return {
    verb: 'telling.inMessage',
    sql: `SELECT DISTINCT i.* FROM telling t JOIN incident i ON i.id = t.incident_id
          WHERE t.message = ? AND t.phase <> 'over' ORDER BY i.id`,
    args: [message],
  };
}
