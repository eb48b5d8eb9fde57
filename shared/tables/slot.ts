/**
 * slot: every time at which something is due, once, and what came of it. `cron` alone writes it; the service whose work
 * it is tells by `slot_outcome`. A schedule's work is a turn in a conversation of its own, `job:<id>`, opened by the
 * message of that key (source `job` in `inbound`).
 *
 * due → started → done | failed | skipped.
 */

import type { Op, Query, Table } from './op.ts';
import type { Schedule } from './schedule.ts';

/** A job of every minute has 1,440 a day. The last ones tell cron up to when its times are accounted for. */
const MOST_KEPT = 500;

export const table: Table = {
  name: 'slot',
  about: 'every time at which something was due, and what came of it',
  pen: { record: 'cron' },
  keeps: {
    days: 30,
    since: 'finished_at',
    unless: `EXISTS (SELECT 1 FROM schedule j WHERE j.name = slot.job) AND id >= coalesce(
      (SELECT k.id FROM slot k WHERE k.job = slot.job ORDER BY k.id DESC LIMIT 1 OFFSET ${MOST_KEPT - 1}), 0)`,
  },
};

export type Slot = {
  id: number;
  job: string;
  due_at: number;
  /** The service whose work it is; null: a schedule of the owner's. */
  service: string | null;
  state: 'due' | 'started' | 'done' | 'failed' | 'skipped';
  /** Why it ended so; or that it was made up for. */
  reason: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  /** The row of `schedule` that it is of. */
  schedule_id: number | null;
  /** The person who wanted it besides its job's times; its `due_at` is none of them. */
  wanted_by: string | null;
};

/** Not over, in the very words of the index `slot_open`. */
const OPEN = `state IN ('due', 'started')`;

/** The conversation in which a slot is worked at. */
export function conversationOf(id: number): string {
  return `job:${id}`;
}

/** The slot that is worked at in a conversation; null: it is none of a job. */
export function idOf(conversation: string): number | null {
  const id = /^job:(\d+)$/.exec(conversation)?.[1];
  return id === undefined ? null : Number(id);
}

/**
 * Those that were there before `begun_at` and have not begun, or have begun before `ended_at` and not ended. What is made
 * up for was due long before it was there, and what queues behind a run of its job waits as it should.
 */
export function overdue(begun_at: number, ended_at: number): Query<Slot> {
  return {
    verb: 'slot.overdue',
    sql: `SELECT * FROM slot INDEXED BY slot_open WHERE ${OPEN}
            AND (CASE state WHEN 'due' THEN created_at < ? AND NOT EXISTS (SELECT 1 FROM slot r INDEXED BY slot_open
              WHERE r.${OPEN} AND r.service IS slot.service AND r.job = slot.job AND r.state = 'started')
            ELSE started_at < ? END) ORDER BY id`,
    args: [begun_at, ended_at],
  };
}

/** What a service has to do: its open slots of which it has not yet told the end. A started one died with its process. */
export function openFor(service: string): Query<Slot> {
  return {
    verb: 'slot.openFor',
    sql: `SELECT s.* FROM slot s WHERE s.service = ? AND s.state IN ('due', 'started') AND NOT EXISTS
            (SELECT 1 FROM slot_outcome o WHERE o.slot_id = s.id AND o.state <> 'started') ORDER BY s.id`,
    args: [service],
  };
}

/** A time has come, or has been missed. Made twice, it is there once. Durable: from here on it is accounted for. */
export function make(
  slot: Pick<Slot, 'job' | 'due_at' | 'service' | 'reason' | 'schedule_id'> & {
    wanted_by?: string;
    state: 'due' | 'skipped';
    now: number;
  },
): Op<{ id: number }> {
  return {
    verb: 'slot.make',
    sql: `INSERT INTO slot (job, due_at, service, state, reason, schedule_id, wanted_by, created_at, finished_at)
          VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (job, due_at) DO NOTHING RETURNING id`,
    args: [
      slot.job,
      slot.due_at,
      slot.service,
      slot.state,
      slot.reason,
      slot.schedule_id,
      slot.wanted_by ?? null,
      slot.now,
      slot.state === 'skipped' ? slot.now : null,
    ],
    durable: true,
    rings: 'slot',
  };
}

/** Open slots of a job. */
export function openOf(job: string): Query<Slot> {
  return {
    verb: 'slot.openOf',
    sql: `SELECT * FROM slot INDEXED BY slot_open WHERE job = ? AND ${OPEN} ORDER BY id`,
    args: [job],
  };
}

/** A slot with its job as it was given. */
type OfJob = Slot &
  Pick<
    Schedule,
    | 'kind'
    | 'prompt'
    | 'conversation'
    | 'channel'
    | 'chat'
    | 'given_by'
    | 'missed'
    | 'overlap'
    | 'day_nanousd'
  >;
const OF_JOB =
  's.*, j.kind, j.prompt, j.conversation, j.channel, j.chat, j.given_by, j.missed, j.overlap, j.day_nanousd';

/** A slot that is due, and how things stand. */
export type Due = OfJob & {
  /** Another one of its job is in work. */
  busy: number;
  /** The job as it is now. */
  standing: Schedule['state'];
};

/**
 * The next schedule's slot on which something can be decided. Those that queue behind one in work wait, and so does a time
 * that comes while missed ones are made up for.
 */
export const next: Query<Due> = {
  verb: 'slot.next',
  sql: `SELECT * FROM (
          SELECT ${OF_JOB},
            EXISTS (SELECT 1 FROM slot r INDEXED BY slot_open WHERE r.service IS NULL AND r.${OPEN} AND r.state = 'started'
              AND r.job = s.job) AS busy,
            EXISTS (SELECT 1 FROM slot r INDEXED BY slot_open WHERE r.service IS NULL AND r.${OPEN} AND r.state = 'started'
              AND r.job = s.job AND r.reason IS NOT NULL) AS behind,
            (SELECT n.state FROM schedule n WHERE n.name = s.job ORDER BY n.id DESC LIMIT 1) AS standing
          FROM slot s INDEXED BY slot_open JOIN schedule j ON j.id = s.schedule_id
          WHERE s.service IS NULL AND s.${OPEN} AND s.state = 'due')
        WHERE busy = 0 OR (overlap = 'skip' AND behind = 0 AND reason IS NULL AND wanted_by IS NULL) ORDER BY id LIMIT 1`,
  args: [],
};

/** Durable, in the unit that has it begun: a crash leaves it due, or at work. */
export function start(id: number, now: number): Op {
  return {
    verb: 'slot.start',
    sql: `UPDATE slot SET state = 'started', started_at = ? WHERE id = ? AND state = 'due'`,
    args: [now, id],
    expect: 1,
    durable: true,
  };
}

/** The one end of it (`Fenced` the second time). */
export function end(
  id: number,
  how: { state: 'done' | 'failed' | 'skipped'; reason: string | null; now: number },
): Op {
  return {
    verb: 'slot.end',
    sql: `UPDATE slot SET state = ?, reason = coalesce(?, reason), finished_at = ? WHERE id = ? AND ${OPEN}`,
    args: [how.state, how.reason, how.now, id],
    expect: 1,
    durable: true,
    rings: 'schedule',
  };
}

/** A slot at work, and how far its turn is. */
export type AtWork = OfJob & {
  turn_id: string | null;
  worker: 'held' | 'done' | 'dead';
  worker_error: string | null;
  /** What the agent has said at the end. */
  said: string | null;
  /** How the call of a command's tool ended, and what it brought. */
  verdict: string | null;
  result_json: string | null;
};

/** The next slot whose turn has come to an end. Goes along those at work, which are few; for each by keys. */
export const ended: Query<AtWork> = {
  verb: 'slot.ended',
  sql: `SELECT ${OF_JOB}, w.id AS turn_id, w.state AS worker, w.error AS worker_error,
          c.state AS verdict, c.result_json,
          (SELECT m.text FROM message m WHERE m.turn_id = w.id AND m.role = 'assistant' ORDER BY m.id DESC LIMIT 1) AS said
        FROM slot s INDEXED BY slot_open JOIN schedule j ON j.id = s.schedule_id
        JOIN inbound i ON i.source = 'job' AND i.source_key = s.id
        JOIN turn w ON w.id = i.turn_id
        LEFT JOIN tool_call c ON c.turn_id = w.id AND c.round = 1 AND c.place = 0
        WHERE s.service IS NULL AND s.${OPEN} AND s.state = 'started' AND w.state IN ('held', 'done', 'dead')
        ORDER BY s.id LIMIT 1`,
  args: [],
};

/** How many schedules' slots are at work. */
export const atWork: Query<{ count: number }> = {
  verb: 'slot.atWork',
  sql: `SELECT count(*) AS count FROM slot INDEXED BY slot_open WHERE service IS NULL AND ${OPEN} AND state = 'started'`,
  args: [],
};

/** The job that a slot is of, as it was given. */
export function jobOf(id: number): Query<Schedule> {
  return {
    verb: 'slot.jobOf',
    sql: 'SELECT j.* FROM slot s JOIN schedule j ON j.id = s.schedule_id WHERE s.id = ?',
    args: [id],
  };
}

/** The last slots of a job, before the one of this id: the newest first. */
export function ofJob(job: string, most: number, before_id = Number.MAX_SAFE_INTEGER): Query<Slot> {
  return {
    verb: 'slot.ofJob',
    sql: 'SELECT * FROM slot WHERE job = ? AND id < ? ORDER BY id DESC LIMIT ?',
    args: [job, before_id, most],
  };
}

/** What the slots of a job that are due from then on have cost. */
export function spentBy(job: string, from_at: number): Query<{ cost_nanousd: number | null }> {
  return {
    verb: 'slot.spentBy',
    sql: `SELECT sum(t.cost_nanousd) AS cost_nanousd FROM slot s JOIN total t ON t.conversation = 'job:' || s.id
          WHERE s.job = ? AND s.due_at >= ? AND t.hour_at >= ?`,
    args: [job, from_at, from_at],
  };
}

/** How each of these jobs ended when it was last done. */
export function lastOf(jobs: readonly string[]): Query<Pick<Slot, 'job' | 'state'>> {
  return {
    verb: 'slot.lastOf',
    sql: `SELECT s.job, s.state FROM json_each(?) wanted JOIN slot s ON s.id = (SELECT l.id FROM slot l INDEXED BY slot_job
            WHERE l.job = wanted.value AND l.state IN ('done', 'failed') ORDER BY l.id DESC LIMIT 1)`,
    args: [JSON.stringify(jobs)],
  };
}

/** How many have not begun. */
export const backlog: Query<{ count: number }> = {
  verb: 'slot.backlog',
  sql: `SELECT count(*) AS count FROM slot INDEXED BY slot_open WHERE ${OPEN} AND state = 'due'`,
  args: [],
};
