/**
 * schedule: what shall be done when. Each row is one state of the job of that name, and the newest counts: nothing is
 * overwritten, so that one can see who changed what. Anyone posts.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'schedule',
  about: 'what shall be done when',
  pen: { mailbox: 'cron' },
  erase: { where: 'id IN gone_schedule', set: "prompt = '[forgotten]'" },
  // What counts stays; of what is deleted the last word goes last, or the one before it would count again.
  keeps: {
    days: 400,
    since: 'at',
    unless: `id = (SELECT max(n.id) FROM schedule n WHERE n.name = schedule.name) AND (state <> 'deleted'
        OR EXISTS (SELECT 1 FROM schedule o WHERE o.name = schedule.name AND o.id < schedule.id))
      OR EXISTS (SELECT 1 FROM slot s INDEXED BY slot_open WHERE s.state IN ('due', 'started') AND s.schedule_id = schedule.id)`,
  },
};

export type Schedule = {
  id: number;
  name: string;
  state: 'active' | 'paused' | 'deleted';
  /** As `shared/base/cron.ts` reads it. */
  spec: string;
  /** What is said to the agent when it is due, or the command line that is run. */
  prompt: string;
  conversation: string;
  channel: 'telegram' | 'terminal';
  chat: string | null;
  given_by: string;
  at: number;
  /** `house`: the house's own, done by `service`. */
  kind: 'prompt' | 'command' | 'house';
  service: string | null;
  /** null: the owner's. */
  zone: string | null;
  /** Of the times that were missed: the last is made up for, all are, or none. */
  missed: 'once' | 'all' | 'skip';
  /** What becomes of a time at which the one before is still in work. */
  overlap: 'skip' | 'queue';
  /** What one run may cost, and what a day's may; null: what the budgets leave. */
  run_nanousd: number | null;
  day_nanousd: number | null;
  /** Hosts and paths that its command was allowed when the job was made. */
  grants_json: string | null;
};

/** What a job may be called. */
export const NAME = /^[\p{L}\p{N}][\p{L}\p{N} _.-]{0,59}$/u;
export const NAMED = 'expected up to 60 letters, digits, blanks, . _ or -';

/** What a job is by, when nobody says otherwise. */
export const PLAIN = {
  kind: 'prompt',
  service: null,
  zone: null,
  missed: 'once',
  overlap: 'skip',
  run_nanousd: null,
  day_nanousd: null,
  grants_json: null,
} as const;

export type Put = Omit<Schedule, 'id' | keyof typeof PLAIN> & Partial<Pick<Schedule, keyof typeof PLAIN>>;

export function put(schedule: Put): Op {
  const all = { ...PLAIN, ...schedule };
  return {
    verb: 'schedule.put',
    sql: `INSERT INTO schedule (name, state, spec, prompt, conversation, channel, chat, given_by, at, kind, service, zone,
            missed, overlap, run_nanousd, day_nanousd, grants_json) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
    args: [
      all.name,
      all.state,
      all.spec,
      all.prompt,
      all.conversation,
      all.channel,
      all.chat,
      all.given_by,
      all.at,
      all.kind,
      all.service,
      all.zone,
      all.missed,
      all.overlap,
      all.run_nanousd,
      all.day_nanousd,
      all.grants_json,
    ],
    durable: true,
    rings: 'schedule',
  };
}

const NEWEST = 's.id = (SELECT max(n.id) FROM schedule n WHERE n.name = s.name)';

/** Those of a conversation that are not deleted. */
export function of(conversation: string): Query<Schedule> {
  return {
    verb: 'schedule.of',
    sql: `SELECT s.* FROM schedule s WHERE s.conversation = ? AND s.kind <> 'house' AND s.state <> 'deleted'
            AND ${NEWEST} ORDER BY s.name`,
    args: [conversation],
  };
}

/** All that are not deleted. */
export const all: Query<Schedule> = {
  verb: 'schedule.all',
  sql: `SELECT s.* FROM schedule s WHERE s.state <> 'deleted' AND ${NEWEST} ORDER BY s.name`,
  args: [],
};

/** What a name stands for now, in whatever conversation. */
export function named(name: string): Query<Schedule> {
  return {
    verb: 'schedule.named',
    sql: 'SELECT * FROM schedule WHERE name = ? ORDER BY id DESC LIMIT 1',
    args: [name],
  };
}

/** A job, and the moment up to which its times are slots; 0: by the clock, it is not made yet. */
export type Job = Schedule & { upto_at: number };

/**
 * The jobs that are active. Their times count from the last slot that is not of the future: a clock that was ahead for a
 * while holds nothing back. Before the first slot they count from when the job was given these times.
 */
export function active(now: number): Query<Job> {
  return {
    verb: 'schedule.active',
    sql: `SELECT s.*, max(
            coalesce((SELECT max(t.due_at) FROM slot t WHERE t.job = s.name AND t.wanted_by IS NULL AND t.due_at <= ?), 0),
            coalesce((SELECT min(f.at) FROM schedule f WHERE f.name = s.name AND f.id > coalesce((SELECT max(o.id)
              FROM schedule o WHERE o.name = s.name AND (o.state <> 'active' OR o.spec <> s.spec OR o.zone IS NOT s.zone)), 0)
              HAVING min(f.at) <= ?), 0)) AS upto_at
          FROM schedule s WHERE s.state = 'active' AND ${NEWEST} ORDER BY s.id`,
    args: [now, now],
  };
}
