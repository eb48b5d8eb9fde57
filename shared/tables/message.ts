/** message: the conversation as both sides know it, word for word. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'message',
  about: 'what was said in each conversation, by whom',
  pen: { record: 'core' },
  keeps: 'until forgotten',
};

export type Message = { id: number; role: 'user' | 'assistant'; text: string; at: number; turn_id: string };

/** Writes down what the turn was asked: the messages it has just taken. */
export function heard(turn_id: string): Op {
  return {
    verb: 'message.heard',
    sql: `INSERT INTO message (conversation, role, text, at, turn_id, inbound_id)
          SELECT conversation, 'user', text, received_at, turn_id, id FROM inbound
          WHERE turn_id = ? AND state = 'taken' ORDER BY id`,
    args: [turn_id],
  };
}

/** Writes down what was answered. */
export function said(answer: { conversation: string; text: string; at: number; turn_id: string }): Op {
  return {
    verb: 'message.said',
    sql: `INSERT INTO message (conversation, role, text, at, turn_id) VALUES (?, 'assistant', ?, ?, ?)`,
    args: [answer.conversation, answer.text, answer.at, answer.turn_id],
  };
}

/**
 * The last `most` messages, the oldest first, and in any case all that the turn was asked: they are the newest of the
 * conversation. What a turn died of is left out: it would kill the next one too.
 */
export function recent(conversation: string, most: number, turn_id: string): Query<Message> {
  return {
    verb: 'message.recent',
    sql: `SELECT id, role, text, at, turn_id FROM (
            SELECT m.* FROM message m LEFT JOIN turn t ON t.id = m.turn_id
            WHERE m.conversation = ? AND coalesce(t.state, 'done') <> 'dead'
            ORDER BY m.id DESC LIMIT max(?, (SELECT count(*) FROM inbound WHERE turn_id = ?))) ORDER BY id`,
    args: [conversation, most, turn_id],
  };
}
