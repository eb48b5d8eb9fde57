/** poller: how far each bot has read its updates. Moves in the commit that stores them, or not at all. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'poller',
  about: 'how far each bot has read its updates',
  pen: { record: 'telegram' },
  keeps: 'one row a bot',
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

export function position(bot_id: number): Query<{ next_update_id: number; polled_at: number }> {
  return {
    verb: 'poller.position',
    sql: 'SELECT next_update_id, polled_at FROM poller WHERE bot_id = ?',
    args: [bot_id],
  };
}
