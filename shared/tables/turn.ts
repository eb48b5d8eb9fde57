/**
 * turn: one answer in the making. running → waiting → running … → done | dead, or `held` until its owner decides.
 *
 * A conversation has at most one unfinished turn (the index `turn_active`), which is what keeps it in order. Every
 * claim counts `attempt` up, and whatever the claimant writes afterwards names its attempt: a claimant that was
 * thought dead and was not finds its pen dry (`Fenced`).
 */

import { uuid } from '../base/ids.ts';
import { WAITING } from './inbound.ts';
import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'turn',
  about: 'each answer in the making, and how it ended',
  pen: { record: 'core' },
  keeps: { days: 400, since: 'finished_at' },
  // One that a backup has brought back in the middle is not taken up.
  erase: {
    where: 'id IN gone_turn AND finished_at IS NULL',
    set: "state = 'dead', finished_at = changed_at, error = 'forgotten'",
  },
};

export type Turn = {
  id: string;
  conversation: string;
  channel: 'telegram' | 'terminal';
  chat: string | null;
  message_ref: string | null;
  /** Who asked. */
  sender: string | null;
  /** 1: nobody asked for it (a job). */
  unasked: number;
  state: 'running' | 'waiting' | 'held' | 'done' | 'dead';
  /** What it waits for; null after a drain or a crash, when it may be in the middle of asking the model. */
  waits_for: 'model' | 'budget' | 'tools' | 'owner' | null;
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
 * shall wait a day for that. So does one for money when somebody has added some, with whatever button or command; and
 * one for tools when none of them is at work any more.
 */
const OVER = `(due_at <= ? OR changed_at > ? OR EXISTS (
    SELECT 1 FROM allowance a WHERE a.spend_id = turn.spend_id AND a.given_at >= turn.changed_at)
    OR (waits_for = 'tools' AND NOT EXISTS (SELECT 1 FROM tool_call c WHERE c.turn_id = turn.id
      AND c.state IN ('pending', 'asking', 'running'))))`;

/** Who claims, and until when without a sign of progress. */
export type Lease = { owner: string; boot_id: string; now: number; until_at: number };

/** Opens a turn for the conversation of the oldest message that waits for one. No such message: no row. */
export function open(id: string, lease: Lease): Op<Turn> {
  return {
    verb: 'turn.open',
    sql: `INSERT INTO turn (id, conversation, channel, chat, message_ref, sender, unasked, state, attempt, due_at,
            changed_at, owner, boot_id, lease_until_at, created_at)
          SELECT ?, i.conversation, i.channel, i.chat, i.message_ref, i.sender, i.unasked, 'running', 1, ?, ?, ?, ?, ?, ?
          FROM (${WAITING}) w JOIN inbound i ON i.id = w.id RETURNING *`,
    args: [
      id,
      lease.now,
      lease.now,
      lease.owner,
      lease.boot_id,
      lease.until_at,
      lease.now,
      lease.now,
      lease.now,
    ],
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
    sql: `UPDATE turn SET state = 'waiting', waits_for = NULL, due_at = ?, changed_at = ?, crashes = crashes + 1
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
    sql: `UPDATE turn SET state = 'waiting', waits_for = CASE WHEN ? THEN 'model' END, due_at = ?, changed_at = ?,
            crashes = 0, failures = failures + ?, faults = faults + ?,
            first_failed_at = CASE WHEN ? THEN coalesce(first_failed_at, ?) ELSE first_failed_at END,
            told_at = CASE WHEN ? THEN coalesce(told_at, ?) ELSE told_at END, error = ?,
            spend_id = CASE WHEN ? THEN NULL ELSE spend_id END
          WHERE id = ? AND state = 'running' AND attempt = ?`,
    args: [
      failure,
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
    sql: `UPDATE turn SET state = 'waiting', waits_for = 'budget', due_at = ?, changed_at = ?, crashes = 0, failures = 0,
            first_failed_at = NULL, spend_id = ?, error = ? WHERE id = ? AND state = 'running' AND attempt = ?`,
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

/** Its tools are at work, or asked for: it rests until all of a round are done. It has got on. Durable, with their rows. */
export function rest(turn: Turn, how: { now: number; due_at: number }): Op {
  return {
    verb: 'turn.rest',
    sql: `UPDATE turn SET state = 'waiting', waits_for = 'tools', due_at = ?, changed_at = ?, crashes = 0, failures = 0,
            faults = 0, first_failed_at = NULL, told_at = NULL, error = NULL
          WHERE id = ? AND state = 'running' AND attempt = ?`,
    args: [how.due_at, how.now, turn.id, turn.attempt],
    expect: 1,
    durable: true,
  };
}

/** Only its owner can say whether it goes on: it costs nothing until then, and what comes next does not wait for it. */
export function hold(turn: Turn, how: { now: number; error: string }): Op {
  return {
    verb: 'turn.hold',
    sql: `UPDATE turn SET state = 'held', waits_for = 'owner', changed_at = ?, crashes = 0, error = ?
          WHERE id = ? AND state = 'running' AND attempt = ?`,
    args: [how.now, how.error, turn.id, turn.attempt],
    expect: 1,
    durable: true,
  };
}

/** A held turn goes on, unless another one of its conversation is in work (`Fenced`). */
export function release(turn: Turn, now: number): Op {
  return {
    verb: 'turn.release',
    sql: `UPDATE turn SET state = 'waiting', due_at = ?, changed_at = ?, failures = 0, faults = 0, first_failed_at = NULL,
            told_at = NULL WHERE id = ? AND state = 'held' AND attempt = ?
            AND NOT EXISTS (SELECT 1 FROM turn t WHERE t.conversation = turn.conversation AND t.${OPEN})`,
    args: [now, now, turn.id, turn.attempt],
    expect: 1,
    rings: 'inbound',
  };
}

/** Ends a turn that has not ended, whoever works on it: that one finds its pen dry. Its tools end with it. Durable. */
export function stop(id: string, how: { now: number; error: string }): Op {
  return {
    verb: 'turn.stop',
    sql: `UPDATE turn SET state = 'done', changed_at = ?, finished_at = ?, error = ?
          WHERE id = ? AND state IN ('running', 'waiting', 'held')`,
    args: [how.now, how.now, how.error, id],
    expect: 1,
    durable: true,
    rings: 'tool',
  };
}

/**
 * Ends whatever has not ended in a conversation that is over, read and written at once: nothing slips in between. Those
 * that are held are left to their owner.
 */
export function stopAll(conversation: string, how: { now: number; error: string }): Op<{ id: string }> {
  return {
    verb: 'turn.stopAll',
    sql: `UPDATE turn SET state = 'done', changed_at = ?, finished_at = ?, error = ?
          WHERE conversation = ? AND ${OPEN} RETURNING id`,
    args: [how.now, how.now, how.error, conversation],
    durable: true,
    rings: 'tool',
  };
}

/**
 * A turn that nobody takes up, for a call of a tool that no model asked for: it is never due, since a clock that was set
 * back makes nothing of `changed_at` 0 either. Whoever opened it ends it (`turn.stood`).
 */
export function stand(
  turn: Pick<Turn, 'id' | 'conversation' | 'channel' | 'chat' | 'sender'> & { now: number },
): Op {
  return {
    verb: 'turn.stand',
    sql: `INSERT INTO turn (id, conversation, channel, chat, sender, state, waits_for, attempt, due_at, changed_at, owner,
            boot_id, lease_until_at, created_at) VALUES (?,?,?,?,?,'waiting','owner',1,?,0,'','',0,?)`,
    args: [
      turn.id,
      turn.conversation,
      turn.channel,
      turn.chat,
      turn.sender,
      Number.MAX_SAFE_INTEGER,
      turn.now,
    ],
    durable: true,
  };
}

/** What was done under it is done. Stopped meanwhile: nothing happens. */
export function stood(id: string, now: number): Op {
  return {
    verb: 'turn.stood',
    sql: `UPDATE turn SET state = 'done', changed_at = ?, finished_at = ? WHERE id = ? AND state = 'waiting'`,
    args: [now, now, id],
    durable: true,
  };
}

/** The newest of all, or the one whose id begins so. */
export function found(prefix: string): Query<Turn> {
  return {
    verb: 'turn.found',
    sql: `SELECT * FROM turn WHERE id >= ? AND id < ? AND channel <> 'canary' ORDER BY id DESC LIMIT 2`,
    args: [prefix, `${prefix}~`],
  };
}

/** It came to no answer, in the very words of the index `turn_stuck`. */
const STUCK = `state IN ('held', 'dead')`;

/** Those that wait for their owner's decision. */
export const held: Query<Pick<Turn, 'id' | 'conversation' | 'error'>> = {
  verb: 'turn.held',
  sql: `SELECT id, conversation, error FROM turn WHERE ${STUCK} AND state = 'held' ORDER BY id`,
  args: [],
};

/** A turn with the beginning of what it answers. */
export type Asked = Turn & { asked: string | null };
const ASKED = `turn.*, (SELECT substr(m.text, 1, 300) FROM message m WHERE m.turn_id = turn.id AND m.role = 'user'
    ORDER BY m.id LIMIT 1) AS asked`;

/** What is in work, then what waits: the next due first. Without canaries. */
export function unended(most: number): Query<Asked> {
  return {
    verb: 'turn.unended',
    sql: `SELECT ${ASKED} FROM turn INDEXED BY turn_due WHERE ${OPEN} AND channel <> 'canary'
          ORDER BY state, due_at, id LIMIT ?`,
    args: [most],
  };
}

/** Those held, or given up for good: the latest first, before `before`. */
export function stuck(state: 'held' | 'dead', before: string | null, most: number): Query<Asked> {
  return {
    verb: 'turn.stuck',
    sql: `SELECT ${ASKED} FROM turn WHERE ${STUCK} AND state = ? AND id < ? AND channel <> 'canary'
          ORDER BY id DESC LIMIT ?`,
    args: [state, before ?? '~', most],
  };
}

/** How many were begun since then, and how many of these have ended. Their ids begin with the time. */
export function pace(since_at: number): Query<{ begun: number; ended: number }> {
  return {
    verb: 'turn.pace',
    sql: `SELECT count(*) AS begun, count(finished_at) AS ended FROM turn WHERE id >= ? AND channel <> 'canary'`,
    args: [uuid(since_at).slice(0, 13)],
  };
}

/** Those that are running, and are past their time: their lease is not renewed any more, or they began before `began_at`. */
export function overdue(
  lease_at: number,
  began_at: number,
): Query<Pick<Turn, 'id' | 'conversation' | 'changed_at'>> {
  return {
    verb: 'turn.overdue',
    sql: `SELECT id, conversation, changed_at FROM turn WHERE ${OPEN} AND state = 'running'
            AND (lease_until_at < ? OR changed_at < ?) ORDER BY changed_at`,
    args: [lease_at, began_at],
  };
}

/** The turns of canaries are kept for a day. */
export function forgetCanaries(before_at: number): Op {
  return {
    verb: 'turn.forgetCanaries',
    sql: `DELETE FROM turn WHERE conversation = 'canary' AND created_at < ? AND state IN ('done', 'dead')`,
    args: [before_at],
  };
}

/** What is in work in a conversation. */
export function active(conversation: string): Query<Turn> {
  return {
    verb: 'turn.active',
    sql: `SELECT * FROM turn WHERE conversation = ? AND ${OPEN}`,
    args: [conversation],
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

/** Those in chats that are not over, and when their sender was told that the answer will be late. */
export const unanswered: Query<Pick<Turn, 'told_at'> & { chat: string }> = {
  verb: 'turn.unanswered',
  sql: `SELECT chat, told_at FROM turn INDEXED BY turn_due
        WHERE state IN ('running', 'waiting') AND channel = 'telegram' AND chat IS NOT NULL`,
  args: [],
};

/** What is in work; what of it waits for nothing but a model, and since when; what waits for money that all may spend. */
export const inWork: Query<{ count: number; waiting: number; since_at: number | null; unpaid: number }> = {
  verb: 'turn.inWork',
  sql: `SELECT count(*) AS count, count(*) FILTER (WHERE waits) AS waiting, min(created_at) FILTER (WHERE waits) AS since_at,
          count(*) FILTER (WHERE unpaid) AS unpaid
        FROM (SELECT created_at, coalesce(waits_for, 'model') = 'model' AS waits,
                waits_for IS 'budget' AND coalesce(spend_id, '') NOT LIKE 'turn %' AS unpaid
              FROM turn INDEXED BY turn_due WHERE ${OPEN} AND channel <> 'canary')`,
  args: [],
};
