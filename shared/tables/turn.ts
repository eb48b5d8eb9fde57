/**
 * turn: one answer in the making. running → waiting → running … → done | dead.
 *
 * A conversation has at most one unfinished turn (the index `turn_active`), which is what keeps it in order. Every
 * claim counts `attempt` up, and whatever the claimant writes afterwards names its attempt: a claimant that was
 * thought dead and was not finds its pen dry (`Fenced`).
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'turn',
  about: 'each answer in the making, and how it ended',
  pen: { record: 'core' },
  keeps: '400 days',
};

export type Turn = {
  id: string;
  conversation: string;
  channel: 'telegram' | 'terminal';
  chat: string | null;
  message_ref: string | null;
  state: 'running' | 'waiting' | 'done' | 'dead';
  attempt: number;
  /** How often its process died over it, and how often the model could not be reached, since it last got on. */
  crashes: number;
  failures: number;
  /** How often the failure was a fault of ours. */
  faults: number;
  due_at: number;
  changed_at: number;
  owner: string;
  boot_id: string;
  lease_until_at: number;
  created_at: number;
  first_failed_at: number | null;
  /** When the sender was told that the answer will be late. */
  told_at: number | null;
  finished_at: number | null;
  error: string | null;
  /** The window of a budget that had no room for it, while it waits for that. */
  spend_id: string | null;
  /** What the sender has chosen to be answered by, instead of the usual model. */
  alias: string | null;
};

/** Not ended yet, in the very words of the indexes on it: SQLite uses a partial index for no others. */
const OPEN = `state IN ('running', 'waiting')`;

/**
 * The wait is over. One that was set at a later time than now counts as over too: the clock has gone back, and nobody
 * shall wait a day for that. And so does one for money when somebody has added some, with whatever button or command.
 */
const OVER = `(due_at <= ? OR changed_at > ? OR EXISTS (
    SELECT 1 FROM allowance a WHERE a.spend_id = turn.spend_id AND a.given_at >= turn.changed_at))`;

/** Who claims, and until when without a sign of progress. */
export type Lease = { owner: string; boot_id: string; now: number; until_at: number };

/** Opens a turn for the conversation of the oldest message that waits for one. No such message: no row. */
export function open(id: string, lease: Lease): Op<Turn> {
  return {
    verb: 'turn.open',
    sql: `INSERT INTO turn (id, conversation, channel, chat, message_ref, state, attempt, due_at, changed_at, owner,
            boot_id, lease_until_at, created_at)
          SELECT ?, i.conversation, i.channel, i.chat, i.message_ref, 'running', 1, ?, ?, ?, ?, ?, ?
          FROM inbound i WHERE i.state = 'pending' AND NOT EXISTS (
            SELECT 1 FROM turn t WHERE t.conversation = i.conversation AND t.${OPEN})
          ORDER BY i.id LIMIT 1 RETURNING *`,
    args: [id, lease.now, lease.now, lease.owner, lease.boot_id, lease.until_at, lease.now],
  };
}

/** Takes up the waiting turn that is due first. */
export function resume(lease: Lease): Op<Turn> {
  return {
    verb: 'turn.resume',
    sql: `WITH c AS MATERIALIZED (SELECT id FROM turn WHERE ${OPEN} AND state = 'waiting' AND ${OVER}
            ORDER BY due_at LIMIT 1)
          UPDATE turn SET state = 'running', attempt = attempt + 1, owner = ?, boot_id = ?, lease_until_at = ?,
            changed_at = ? FROM c WHERE turn.id = c.id AND turn.state = 'waiting' RETURNING *`,
    args: [lease.now, lease.now, lease.owner, lease.boot_id, lease.until_at, lease.now],
  };
}

/** The cheap question before `resume` takes the write lock. */
export function due(now: number): Query<{ id: string }> {
  return {
    verb: 'turn.due',
    sql: `SELECT id FROM turn WHERE ${OPEN} AND state = 'waiting' AND ${OVER} LIMIT 1`,
    args: [now, now],
  };
}

/** When the next waiting turn is due, for a timer. */
export const nextDue: Query<{ due_at: number | null }> = {
  verb: 'turn.nextDue',
  sql: `SELECT min(due_at) AS due_at FROM turn WHERE ${OPEN} AND state = 'waiting'`,
  args: [],
};

/**
 * Frees what dead owners hold. The caller holds the service's only liveness lock, so every other owner is dead:
 * no clock is asked, hence neither sleep nor a clock jump can make a living claim look expired.
 */
export function adopt(owner: string, now: number): Op<Pick<Turn, 'id' | 'crashes'>> {
  return {
    verb: 'turn.adopt',
    sql: `UPDATE turn SET state = 'waiting', due_at = ?, changed_at = ?, crashes = crashes + 1
          WHERE ${OPEN} AND state = 'running' AND owner <> ? RETURNING id, crashes`,
    args: [now, now, owner],
  };
}

/** Still at it: moves the lease. */
export function renew(turn: Turn, until_at: number): Op {
  return {
    verb: 'turn.renew',
    sql: `UPDATE turn SET lease_until_at = ? WHERE id = ? AND state = 'running' AND attempt = ?`,
    args: [until_at, turn.id, turn.attempt],
    expect: 1,
  };
}

/** The turn of this id, as long as it has not ended. */
export function unfinished(id: string): Query<{ id: string }> {
  return { verb: 'turn.unfinished', sql: `SELECT id FROM turn WHERE id = ? AND ${OPEN}`, args: [id] };
}

/** Puts the turn back until `due_at`. A drain is nobody's failure. To have come this far is not to have died over it. */
export function wait(
  turn: Turn,
  how: { now: number; due_at: number; because: 'drain' | 'away' | 'fault'; told: boolean; error: string },
): Op {
  const failure = how.because === 'drain' ? 0 : 1;
  return {
    verb: 'turn.wait',
    sql: `UPDATE turn SET state = 'waiting', due_at = ?, changed_at = ?, crashes = 0, failures = failures + ?,
            faults = faults + ?,
            first_failed_at = CASE WHEN ? THEN coalesce(first_failed_at, ?) ELSE first_failed_at END,
            told_at = CASE WHEN ? THEN coalesce(told_at, ?) ELSE told_at END, error = ?,
            spend_id = CASE WHEN ? THEN NULL ELSE spend_id END
          WHERE id = ? AND state = 'running' AND attempt = ?`,
    args: [
      how.due_at,
      how.now,
      failure,
      how.because === 'fault' ? 1 : 0,
      failure,
      how.now,
      how.told ? 1 : 0,
      how.now,
      how.error,
      failure,
      turn.id,
      turn.attempt,
    ],
    expect: 1,
  };
}

/** A budget has no room for it: it waits until `due_at`, or until its sender decides. The model is not away. */
export function refused(
  turn: Turn,
  how: { now: number; due_at: number; spend_id: string; error: string },
): Op {
  return {
    verb: 'turn.refused',
    sql: `UPDATE turn SET state = 'waiting', due_at = ?, changed_at = ?, crashes = 0, failures = 0, first_failed_at = NULL,
            spend_id = ?, error = ? WHERE id = ? AND state = 'running' AND attempt = ?`,
    args: [how.due_at, how.now, how.spend_id, how.error, turn.id, turn.attempt],
    expect: 1,
  };
}

/** Its sender has decided: it is due now, and answered by `alias` when one is given. */
export function wake(turn: Turn, now: number, alias: string | null = null): Op {
  return {
    verb: 'turn.wake',
    sql: `UPDATE turn SET due_at = ?, changed_at = ?, spend_id = NULL, alias = coalesce(?, alias)
          WHERE id = ? AND state = 'waiting' AND attempt = ?`,
    args: [now, now, alias, turn.id, turn.attempt],
    expect: 1,
    rings: 'inbound',
  };
}

/** The model has answered somebody: whoever waits for it tries within `soon_ms`, not all at the same moment. */
export function hasten(now: number, soon_ms: number): Op {
  return {
    verb: 'turn.hasten',
    sql: `UPDATE turn SET due_at = min(due_at, ? + abs(random() % ?)) WHERE ${OPEN} AND state = 'waiting' AND failures > 0`,
    args: [now, soon_ms],
  };
}

export function of(id: string): Query<Turn> {
  return { verb: 'turn.of', sql: 'SELECT * FROM turn WHERE id = ?', args: [id] };
}

/** The end. Durable: after it the answer is on its way and is never worked out again. */
export function finish(turn: Turn, how: { now: number; state: 'done' | 'dead'; error: string | null }): Op {
  return {
    verb: 'turn.finish',
    sql: `UPDATE turn SET state = ?, changed_at = ?, finished_at = ?, crashes = 0, failures = 0, error = ?
          WHERE id = ? AND state = 'running' AND attempt = ?`,
    args: [how.state, how.now, how.now, how.error, turn.id, turn.attempt],
    expect: 1,
    durable: true,
  };
}
