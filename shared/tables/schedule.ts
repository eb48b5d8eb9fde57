/**
 * schedule: what shall be done when. Each row is one state of the schedule of that name, and the newest counts: nothing
 * is overwritten, so that one can see who changed what. Anyone posts.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'schedule',
  about: 'what shall be done when',
  pen: { mailbox: 'cron' },
  keeps: 'until deleted, and then 400 days',
};

export type Schedule = {
  id: number;
  name: string;
  state: 'active' | 'paused' | 'deleted';
  /** Five cron fields, or `at <ISO 8601>` for once. */
  spec: string;
  /** What is said to the agent when it is due. */
  prompt: string;
  conversation: string;
  channel: 'telegram' | 'terminal';
  chat: string | null;
  given_by: string;
  at: number;
};

export function put(schedule: Omit<Schedule, 'id'>): Op {
  const { name, state, spec, prompt, conversation, channel, chat, given_by, at } = schedule;
  return {
    verb: 'schedule.put',
    sql: `INSERT INTO schedule (name, state, spec, prompt, conversation, channel, chat, given_by, at)
          VALUES (?,?,?,?,?,?,?,?,?)`,
    args: [name, state, spec, prompt, conversation, channel, chat, given_by, at],
    durable: true,
  };
}

/** Those of a conversation that are not deleted. */
export function of(conversation: string): Query<Schedule> {
  return {
    verb: 'schedule.of',
    sql: `SELECT s.* FROM schedule s WHERE s.conversation = ? AND s.state <> 'deleted'
            AND s.id = (SELECT max(n.id) FROM schedule n WHERE n.name = s.name) ORDER BY s.name`,
    args: [conversation],
  };
}

/** What a name stands for now, in whatever conversation. */
export function named(name: string): Query<Schedule> {
  return {
    verb: 'schedule.named',
    sql: 'SELECT * FROM schedule WHERE name = ? ORDER BY id DESC LIMIT 1',
    args: [name],
  };
}
