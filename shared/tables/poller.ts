/** poller: who each bot is, and how far it has read its updates. Moves in the commit that stores them, or not at all. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'poller',
  about: 'who each bot is, and how far it has read its updates',
  pen: { record: 'telegram' },
  keeps: 'one row a bot',
};

export type Poller = {
  bot_id: number;
  next_update_id: number;
  polled_at: number;
  /** Its @name, without the @. */
  name: string | null;
  /** Whether it hears all that is said in a group, or only what is said to it. */
  reads_groups: number | null;
  /** When Telegram last answered a poll, give or take a minute. */
  heard_at: number | null;
};

export function advance(bot_id: number, next_update_id: number, now: number): Op {
  return {
    verb: 'poller.advance',
    sql: `INSERT INTO poller (bot_id, next_update_id, polled_at) VALUES (?, ?, ?)
          ON CONFLICT (bot_id) DO UPDATE SET next_update_id = excluded.next_update_id, polled_at = excluded.polled_at`,
    args: [bot_id, next_update_id, now],
    durable: true,
  };
}

export function introduce(bot_id: number, bot: { name: string; reads_groups: boolean }, now: number): Op {
  return {
    verb: 'poller.introduce',
    sql: `INSERT INTO poller (bot_id, next_update_id, polled_at, name, reads_groups) VALUES (?, 0, ?, ?, ?)
          ON CONFLICT (bot_id) DO UPDATE SET name = excluded.name, reads_groups = excluded.reads_groups`,
    args: [bot_id, now, bot.name, bot.reads_groups ? 1 : 0],
  };
}

export function heard(bot_id: number, now: number): Op {
  return {
    verb: 'poller.heard',
    sql: 'UPDATE poller SET heard_at = ? WHERE bot_id = ?',
    args: [now, bot_id],
  };
}

export function position(bot_id: number): Query<Poller> {
  return { verb: 'poller.position', sql: 'SELECT * FROM poller WHERE bot_id = ?', args: [bot_id] };
}

/** The bot that was at work last. */
export const latest: Query<Poller> = {
  verb: 'poller.latest',
  sql: 'SELECT * FROM poller ORDER BY polled_at DESC LIMIT 1',
  args: [],
};
