/**
 * chat: what stands between us and a chat. Telegram has told us to be silent in it for a while; it has shut the bot out;
 * it has become another one.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'chat',
  about: 'the pauses that Telegram has asked for, and the chats that have shut the bot out or moved',
  pen: { record: 'telegram' },
  keeps: 'one row a chat',
};

/** Nothing goes to this chat before `until_at` (429). Kept over a restart, or the restart would break the pause. */
export function pause(chat: string, now: number, until_at: number): Op {
  return {
    verb: 'chat.pause',
    sql: `INSERT INTO chat (chat, paused_at, paused_until_at) VALUES (?, ?, ?)
          ON CONFLICT (chat) DO UPDATE SET paused_at = excluded.paused_at, paused_until_at = excluded.paused_until_at`,
    args: [chat, now, until_at],
  };
}

/** It has shut the bot out: what is for it waits until it is heard from again. */
export function mute(chat: string, now: number, because: string): Op {
  return {
    verb: 'chat.mute',
    sql: `INSERT INTO chat (chat, muted_at, muted_because) VALUES (?, ?, ?)
          ON CONFLICT (chat) DO UPDATE SET muted_at = excluded.muted_at, muted_because = excluded.muted_because`,
    args: [chat, now, because],
  };
}

export function unmute(chat: string): Op {
  return {
    verb: 'chat.unmute',
    sql: `UPDATE chat SET muted_at = NULL, muted_because = NULL WHERE chat = ? AND muted_at IS NOT NULL`,
    args: [chat],
    rings: 'outbound',
  };
}

/** A group has become a supergroup, which is another chat. With `outbound.move`. */
export function move(chat: string, to: string): Op {
  return {
    verb: 'chat.move',
    sql: `INSERT INTO chat (chat, moved_to) VALUES (?, ?) ON CONFLICT (chat) DO UPDATE SET moved_to = excluded.moved_to`,
    args: [chat, to],
    durable: true,
  };
}

/** What the chats that have moved are now. */
export const moved: Query<{ chat: string; moved_to: string }> = {
  verb: 'chat.moved',
  sql: 'SELECT chat, moved_to FROM chat WHERE moved_to IS NOT NULL',
  args: [],
};

export const muted: Query<{ chat: string; muted_at: number; muted_because: string }> = {
  verb: 'chat.muted',
  sql: 'SELECT chat, muted_at, muted_because FROM chat WHERE muted_at IS NOT NULL',
  args: [],
};
