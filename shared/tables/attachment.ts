/**
 * attachment: a file that came with a message. pending → ready | failed. `telegram` fetches it into `state/files`; the
 * message waits until none of its files is pending.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'attachment',
  about: 'the files that came with messages',
  pen: { record: 'telegram' },
  keeps: 'as its message',
  erase: {
    where:
      'inbound_id IN (SELECT id FROM inbound WHERE turn_id IN gone_turn UNION SELECT id FROM gone_inbound)',
  },
};

export type Attachment = {
  id: number;
  inbound_id: number;
  kind: 'photo' | 'document' | 'voice' | 'audio' | 'video' | 'sticker';
  /** Its name at the channel, to fetch it by. */
  file_id: string;
  name: string;
  mime: string;
  bytes: number | null;
  state: 'pending' | 'ready' | 'failed';
  /** Where it lies, below `state/files`, once it is ready. */
  path: string | null;
  /** What was said in it, when it is a recording that was transcribed. */
  text: string | null;
  /** Why it could not be had, as its sender was told. */
  note: string | null;
  attempt: number;
  due_at: number;
  created_at: number;
  finished_at: number | null;
};

/** A file as it is announced. `note` tells why it cannot be had: it has failed before it was tried. */
export type Announced = Pick<Attachment, 'kind' | 'file_id' | 'name' | 'mime' | 'bytes' | 'note'>;

/** In the unit that receives its message, after it. The second telling changes nothing. */
export function receive(message: { source: string; source_key: string }, file: Announced, now: number): Op {
  return {
    verb: 'attachment.receive',
    sql: `INSERT INTO attachment (inbound_id, kind, file_id, name, mime, bytes, state, note, due_at, created_at, finished_at)
          SELECT i.id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM inbound i WHERE i.source = ? AND i.source_key = ?
            AND NOT EXISTS (SELECT 1 FROM attachment a WHERE a.inbound_id = i.id AND a.file_id = ?)`,
    args: [
      file.kind,
      file.file_id,
      file.name,
      file.mime,
      file.bytes,
      file.note === null ? 'pending' : 'failed',
      file.note,
      now,
      now,
      file.note === null ? null : now,
      message.source,
      message.source_key,
      file.file_id,
    ],
    durable: true,
    rings: 'file',
  };
}

/** The oldest that is due; a wait that was set in the future, by a clock that was set back since, counts as over. */
const DUE = `SELECT id FROM attachment WHERE state = 'pending' AND (due_at <= ? OR due_at > ? + 3600000)
  ORDER BY due_at LIMIT 1`;

/** Is there any to fetch? The cheap question before `claim`. */
export function waiting(now: number): Query<{ id: number }> {
  return { verb: 'attachment.waiting', sql: DUE, args: [now, now] };
}

/** Takes the next one to fetch, until `until_at`: whoever dies with it loses it. */
export function claim(now: number, until_at: number): Op<Attachment> {
  return {
    verb: 'attachment.claim',
    sql: `UPDATE attachment SET attempt = attempt + 1, due_at = ? WHERE id = (${DUE}) RETURNING *`,
    args: [until_at, now, now],
  };
}

/** What a process that has died was fetching is fetched anew, at once. */
export function adopt(now: number): Op {
  return {
    verb: 'attachment.adopt',
    sql: `UPDATE attachment SET due_at = ? WHERE state = 'pending'`,
    args: [now],
  };
}

export const nextDue: Query<{ due_at: number | null }> = {
  verb: 'attachment.nextDue',
  sql: `SELECT min(due_at) AS due_at FROM attachment WHERE state = 'pending'`,
  args: [],
};

/** Tried again at `due_at`; `counted: false` when nobody could have done better. */
export function retry(file: Attachment, how: { due_at: number; counted: boolean }): Op {
  return {
    verb: 'attachment.retry',
    sql: `UPDATE attachment SET due_at = ?, attempt = attempt - ? WHERE id = ? AND state = 'pending' AND attempt = ?`,
    args: [how.due_at, how.counted ? 0 : 1, file.id, file.attempt],
    expect: 1,
  };
}

/** It is there. Durable, and its message need not wait for it any more. */
export function fetched(
  file: Attachment,
  how: { now: number; path: string; bytes: number; text: string | null },
): Op {
  return {
    verb: 'attachment.fetched',
    sql: `UPDATE attachment SET state = 'ready', path = ?, bytes = ?, text = ?, finished_at = ?
          WHERE id = ? AND state = 'pending' AND attempt = ?`,
    args: [how.path, how.bytes, how.text, how.now, file.id, file.attempt],
    expect: 1,
    durable: true,
    rings: 'inbound',
  };
}

/** It cannot be had; `path` when the file is there and only its words are not. */
export function failed(file: Attachment, how: { now: number; note: string; path: string | null }): Op {
  return {
    verb: 'attachment.failed',
    sql: `UPDATE attachment SET state = 'failed', note = ?, path = ?, finished_at = ?
          WHERE id = ? AND state = 'pending' AND attempt = ?`,
    args: [how.note, how.path, how.now, file.id, file.attempt],
    expect: 1,
    durable: true,
    rings: 'inbound',
  };
}

/** The message that it came with, to tell its sender. */
export function messageOf(
  file: Pick<Attachment, 'inbound_id'>,
): Query<{ conversation: string | null; chat: string | null; message_ref: string | null }> {
  return {
    verb: 'attachment.messageOf',
    sql: 'SELECT conversation, chat, message_ref FROM inbound WHERE id = ?',
    args: [file.inbound_id],
  };
}

/** Where the files of a conversation lie, among the latest of the house; a task has those of the chat that wished it. */
export function placesOf(conversation: string, latest: number): Query<{ path: string }> {
  return {
    verb: 'attachment.placesOf',
    // In this order: it looks at `latest` rows, however long the conversation is.
    sql: `SELECT a.path FROM attachment a CROSS JOIN inbound i ON i.id = a.inbound_id
          WHERE a.id > (SELECT max(id) FROM attachment) - ? AND a.path IS NOT NULL
            AND (i.conversation = ? OR i.conversation =
              (SELECT t.conversation FROM task t WHERE ? LIKE 'task:%' AND t.id = CAST(substr(?, 6) AS INTEGER)))`,
    args: [latest, conversation, conversation, conversation],
  };
}

/** A file, and the message that it is read with: its own, or the correction that was read in its place. */
export type Taken = Attachment & { heard_with: number };

/** The files of the messages that a turn has taken, in their order. See `message.heard` for what is read of corrections. */
export function ofTurn(turn_id: string): Query<Taken> {
  return {
    verb: 'attachment.ofTurn',
    sql: `SELECT a.*, coalesce((SELECT max(e.id) FROM inbound e WHERE e.conversation = i.conversation
              AND e.edits = i.message_ref AND e.id > i.id AND e.turn_id = i.turn_id), i.id) AS heard_with
          FROM inbound i JOIN attachment a ON a.inbound_id = i.id WHERE i.turn_id = ? ORDER BY a.id`,
    args: [turn_id],
  };
}

/** What is to be fetched, and since when the first of it. */
export const backlog: Query<{ count: number; oldest_at: number | null }> = {
  verb: 'attachment.backlog',
  sql: `SELECT count(*) AS count, min(created_at) AS oldest_at FROM attachment INDEXED BY attachment_pending WHERE state = 'pending'`,
  args: [],
};
