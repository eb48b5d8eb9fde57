/** chat: when Telegram has told us to be silent in a chat, and until when. */

import type { Op, Table } from './op.ts';

export const table: Table = {
  name: 'chat',
  about: 'the pauses that Telegram has asked for, chat by chat',
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
