/**
 * outbound: whatever goes out. Anyone posts; `telegram` sends.
 *
 * pending → sending → sent | uncertain | dead. `sending` is on the disk before the request leaves, so that after a
 * crash an intent without an outcome is known as such: it becomes `uncertain`, is sent again, and stays marked
 * (`uncertain` counts). What is for the terminal, or a canary's, is posted as `sent`: whoever reads there reads the row
 * itself.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'outbound',
  about: 'every message that goes out, and how far it got',
  pen: { mailbox: 'telegram' },
  // The answers to canaries; the others stay until they are forgotten.
  keeps: { days: 1, since: 'created_at', only: "channel = 'canary'" },
  // The row stays, so that nothing is sent twice; what is not out yet stays in.
  erase: {
    where: 'turn_id IN gone_turn OR id IN gone_notice',
    set: `text = '', buttons_json = NULL, file_json = NULL, error = NULL,
      state = CASE WHEN state IN ('pending', 'uncertain') THEN 'dead' ELSE state END,
      finished_at = coalesce(finished_at, CASE WHEN state IN ('pending', 'uncertain') THEN changed_at END)`,
  },
};

export type Outbound = {
  id: number;
  key: string;
  channel: 'telegram' | 'terminal' | 'canary';
  conversation: string;
  chat: string | null;
  kind: 'reply' | 'notice';
  turn_id: string | null;
  text: string;
  message_ref: string | null;
  state: 'pending' | 'sending' | 'sent' | 'uncertain' | 'dead';
  /** The part that is next, from 0; and the names that Telegram gave to the parts before it. */
  part: number;
  refs_json: string;
  attempt: number;
  failures: number;
  /** How often the outcome of a send was unknown: more than 0 means that the reader may have seen it twice. */
  uncertain: number;
  due_at: number;
  changed_at: number;
  owner: string | null;
  created_at: number;
  finished_at: number | null;
  error: string | null;
  /** Rows of buttons below its last part. */
  buttons_json: string | null;
  format: 'plain' | 'markdown';
  /** A file that goes with it; its text is the caption then. */
  file_json: string | null;
  /** It takes the place of what went out under this key: an edit, where the channel can. */
  edits_key: string | null;
  /** What nobody asked for waits while it is quiet, and is told with the rest of its kind; what is critical does not. */
  urgency: 'asked' | 'unasked' | 'critical';
};

/** `path` is absolute, and stays there until it is sent. */
export type File = { path: string; name: string; kind: 'photo' | 'document' };

/** `data` is what its press brings back: at most 64 bytes (Bot API: InlineKeyboardButton). */
export type Button = { text: string; data: string };
export type Buttons = readonly (readonly Button[])[];

export type Post = Pick<
  Outbound,
  'key' | 'channel' | 'conversation' | 'chat' | 'kind' | 'turn_id' | 'text' | 'message_ref'
> & {
  buttons?: Buttons;
  format?: 'plain' | 'markdown';
  file?: File;
  edits_key?: string;
  /** Whatever a turn says that nobody asked for is `unasked`, also when this says nothing. */
  urgency?: Outbound['urgency'];
  now: number;
};

/** Posted under the same key twice, it goes out once. */
export function post(message: Post): Op {
  return {
    verb: 'outbound.post',
    sql: `INSERT INTO outbound (key, channel, conversation, chat, kind, turn_id, text, message_ref, buttons_json,
            format, file_json, edits_key, urgency, state, due_at, changed_at, created_at, finished_at)
          VALUES (?,?,?,?,?,?,?,?,?,?,?,?,
            coalesce(?, (SELECT 'unasked' FROM turn WHERE id = ? AND unasked = 1), 'asked'),?,?,?,?,?) ON CONFLICT (key) DO NOTHING`,
    args: [
      message.key,
      message.channel,
      message.conversation,
      message.chat,
      message.kind,
      message.turn_id,
      message.text,
      message.message_ref,
      message.buttons?.length ? JSON.stringify(message.buttons) : null,
      message.format ?? 'plain',
      message.file ? JSON.stringify(message.file) : null,
      message.edits_key ?? null,
      message.urgency ?? null,
      message.turn_id,
      message.channel === 'telegram' ? 'pending' : 'sent',
      message.now,
      message.now,
      message.now,
      message.channel === 'telegram' ? null : message.now,
    ],
    durable: true,
    rings: 'outbound',
  };
}

/**
 * Takes the next message that may go: the head of a chat's queue, when the chat is not paused. A later message of
 * a chat never overtakes an earlier one, but one that the quiet holds back. As in `turn.resume`, a wait that was set in
 * the future counts as over. Durable: the intent to send is on the disk before anything leaves.
 */
export function claim(owner: string, now: number, quiet = false): Op<Outbound> {
  return {
    verb: 'outbound.claim',
    sql: `WITH c AS MATERIALIZED (${nextIn(quiet)})
          UPDATE outbound SET state = 'sending', attempt = attempt + 1, owner = ?, changed_at = ?
          FROM c WHERE outbound.id = c.id AND outbound.state IN ('pending', 'uncertain') RETURNING *`,
    args: [now, now, now, now, owner, now],
    durable: true,
  };
}

/** The cheap question before `claim` takes the write lock. */
export function sendable(now: number, quiet = false): Query<{ id: number }> {
  return { verb: 'outbound.sendable', sql: nextIn(quiet), args: [now, now, now, now] };
}

/** What is not out yet, in the very words of the index `outbound_queue`: SQLite uses a partial index for no others. */
const OPEN = `state IN ('pending', 'sending', 'uncertain')`;

/** Nobody asked for it, and nothing of it is out: it can wait. An edit of what is out makes no sound. */
const canWait = (o: string) => `(${o}.urgency = 'unasked' AND ${o}.attempt = 0 AND (${o}.edits_key IS NULL
    OR EXISTS (SELECT 1 FROM outbound h WHERE h.key = ${o}.edits_key AND h.state = 'pending' AND h.attempt = 0)))`;

/** Nothing of the chat is before it but what waits for the end of the quiet. */
const headIn = (quiet: boolean) => `${quiet ? `NOT ${canWait('o')} AND ` : ''}NOT EXISTS (
    SELECT 1 FROM outbound e WHERE e.channel = 'telegram' AND e.chat = o.chat AND e.id < o.id
      AND e.${OPEN}${quiet ? ` AND NOT ${canWait('e')}` : ''})`;

const nextIn = (quiet: boolean) => `SELECT o.id FROM outbound o LEFT JOIN chat c ON c.chat = o.chat
  WHERE o.channel = 'telegram' AND o.${OPEN} AND o.state <> 'sending' AND (o.due_at <= ? OR o.changed_at > ?)
    AND (c.paused_until_at IS NULL OR c.paused_until_at <= ? OR c.paused_at > ?) AND c.muted_at IS NULL
    AND ${headIn(quiet)}
  ORDER BY o.id LIMIT 1`;

/** When the next message that waits is due, for a timer. What is not the head of its queue waits for no time. */
export function nextDue(quiet = false): Query<{ due_at: number | null }> {
  return {
    verb: 'outbound.nextDue',
    sql: `SELECT min(max(o.due_at, coalesce(c.paused_until_at, 0))) AS due_at
          FROM outbound o LEFT JOIN chat c ON c.chat = o.chat
          WHERE o.channel = 'telegram' AND o.${OPEN} AND o.state <> 'sending' AND c.muted_at IS NULL AND ${headIn(quiet)}`,
    args: [],
  };
}

/** What can wait; with files or buttons a message stays its own, unless it tells of an incident. */
export const waiting: Query<
  Pick<Outbound, 'id' | 'key' | 'chat' | 'conversation' | 'text' | 'format' | 'created_at'>
> = {
  verb: 'outbound.waiting',
  sql: `SELECT o.id, o.key, o.chat, o.conversation, o.text, o.format, o.created_at FROM outbound o
        WHERE o.channel = 'telegram' AND o.${OPEN} AND o.urgency = 'unasked' AND o.attempt = 0
          AND o.edits_key IS NULL AND (o.buttons_json IS NULL OR o.key GLOB 'telling:*') AND o.file_json IS NULL
        ORDER BY o.chat, o.id`,
  args: [],
};

/** The first of them becomes the digest of all. */
export function digest(id: number, how: { text: string; now: number }): Op {
  return {
    verb: 'outbound.digest',
    sql: `UPDATE outbound SET text = ?, format = 'markdown', kind = 'notice', changed_at = ?
          WHERE id = ? AND state = 'pending' AND attempt = 0`,
    args: [how.text, how.now, id],
    expect: 1,
    durable: true,
  };
}

const TOLD_IN = 'told in outbound ';

/** It is told in the digest that the message of the key `into` is, or has become. */
export function gathered(id: number, into: string, now: number): Op {
  return {
    verb: 'outbound.gathered',
    sql: `UPDATE outbound SET state = 'sent', changed_at = ?, finished_at = ?,
            error = '${TOLD_IN}' || (SELECT id FROM outbound WHERE key = ?)
          WHERE id = ? AND state = 'pending' AND attempt = 0`,
    args: [now, now, into, id],
    expect: 1,
    durable: true,
  };
}

/** One part is confirmed; the rest of the message comes next, or there is none. Durable. */
export function sent(message: Outbound, how: { now: number; refs_json: string; last: boolean }): Op {
  return {
    verb: 'outbound.sent',
    sql: `UPDATE outbound SET state = ?, part = part + 1, refs_json = ?, changed_at = ?, due_at = ?, failures = 0,
            error = NULL, finished_at = ? WHERE id = ? AND state = 'sending' AND attempt = ?`,
    args: [
      how.last ? 'sent' : 'pending',
      how.refs_json,
      how.now,
      how.now,
      how.last ? how.now : null,
      message.id,
      message.attempt,
    ],
    expect: 1,
    durable: true,
  };
}

/** It certainly did not go: try again at `due_at`. `counted: false` for waits that are nobody's failure (429, a drain). */
export function retry(
  message: Outbound,
  how: { now: number; due_at: number; counted: boolean; error: string },
): Op {
  return {
    verb: 'outbound.retry',
    sql: `UPDATE outbound SET state = CASE WHEN uncertain > 0 THEN 'uncertain' ELSE 'pending' END, due_at = ?,
            changed_at = ?, failures = failures + ?, error = ? WHERE id = ? AND state = 'sending' AND attempt = ?`,
    args: [how.due_at, how.now, how.counted ? 1 : 0, how.error, message.id, message.attempt],
    expect: 1,
  };
}

/** It may have gone: nobody knows. Sent again at `due_at`, and marked for good. */
export function doubt(message: Outbound, how: { now: number; due_at: number; error: string }): Op {
  return {
    verb: 'outbound.doubt',
    sql: `UPDATE outbound SET state = 'uncertain', uncertain = uncertain + 1, failures = failures + 1, due_at = ?,
            changed_at = ?, error = ? WHERE id = ? AND state = 'sending' AND attempt = ?`,
    args: [how.due_at, how.now, how.error, message.id, message.attempt],
    expect: 1,
    durable: true,
  };
}

/** It never will go. */
export function bury(message: Outbound, how: { now: number; error: string }): Op {
  return {
    verb: 'outbound.bury',
    sql: `UPDATE outbound SET state = 'dead', changed_at = ?, finished_at = ?, error = ?
          WHERE id = ? AND state = 'sending' AND attempt = ?`,
    args: [how.now, how.now, how.error, message.id, message.attempt],
    expect: 1,
    durable: true,
  };
}

/** A group has become another chat: what waits for the one goes to the other. */
export function move(chat: string, to: string): Op {
  return {
    verb: 'outbound.move',
    sql: `UPDATE outbound SET chat = ? WHERE channel = 'telegram' AND chat = ? AND ${OPEN}`,
    args: [to, chat],
    durable: true,
    rings: 'outbound',
  };
}

const ANEW = 'what it was to take the place of is gone';

/** What it was to take the place of is gone: from now on it is sent anew, and may be in doubt. Durable, before it leaves. */
export function anew(message: Outbound): Op {
  return {
    verb: 'outbound.anew',
    sql: `UPDATE outbound SET error = ? WHERE id = ? AND state = 'sending' AND attempt = ?`,
    args: [ANEW, message.id, message.attempt],
    expect: 1,
    durable: true,
  };
}

/** It takes the place of a message that stands in the chat: made twice, an edit is made once. */
const EDITS = `coalesce(error IS NOT '${ANEW}' AND (
    (SELECT json_array_length(s.refs_json) FROM outbound s WHERE (s.key = outbound.edits_key OR s.edits_key = outbound.edits_key)
      AND s.state = 'sent' AND s.refs_json <> '[]' ORDER BY s.id DESC LIMIT 1) > part
    OR (kind = 'reply' AND part = 0 AND file_json IS NULL AND EXISTS (SELECT 1 FROM preview p
      WHERE p.turn_id = outbound.turn_id AND p.message_id IS NOT NULL AND p.state IN ('shown', 'ended')))), 0)`;

/** What a dead owner was sending is in doubt, unless it was an edit; see `turn.adopt` for why no clock is asked. */
export function adopt(owner: string, now: number): Op<Pick<Outbound, 'id' | 'uncertain'>> {
  return {
    verb: 'outbound.adopt',
    sql: `UPDATE outbound SET state = CASE WHEN uncertain = 0 AND ${EDITS} THEN 'pending' ELSE 'uncertain' END,
            uncertain = uncertain + NOT ${EDITS}, due_at = ?, changed_at = ?,
            error = 'the process died between sending and hearing the outcome'
          WHERE ${OPEN} AND state = 'sending' AND owner <> ? RETURNING id, uncertain`,
    args: [now, now, owner],
    durable: true,
  };
}

/** The names of the messages that stand in the chat under a key: those of the last edit, or of the first sending. */
export function refsOf(key: string): Query<Pick<Outbound, 'refs_json'>> {
  return {
    verb: 'outbound.refsOf',
    sql: `SELECT refs_json FROM outbound WHERE (key = ? OR edits_key = ?) AND state = 'sent' AND refs_json <> '[]'
          ORDER BY id DESC LIMIT 1`,
    args: [key, key],
  };
}

/** The last messages that went out in a conversation. */
export function newestRefs(conversation: string): Query<Pick<Outbound, 'refs_json'>> {
  return {
    verb: 'outbound.newestRefs',
    sql: `SELECT refs_json FROM outbound WHERE conversation = ? ORDER BY id DESC LIMIT 20`,
    args: [conversation],
  };
}

/** An edit that a later one in the queue makes needless ends here, as sent. No later one: no row. */
export function superseded(message: Outbound, now: number): Op<Pick<Outbound, 'id'>> {
  return {
    verb: 'outbound.superseded',
    sql: `UPDATE outbound SET state = 'sent', changed_at = ?, finished_at = ?, error = 'a later edit took its place'
          WHERE id = ? AND state = 'sending' AND attempt = ? AND EXISTS (SELECT 1 FROM outbound l
            WHERE l.edits_key = ? AND l.id > ? AND l.${OPEN}) RETURNING id`,
    args: [now, now, message.id, message.attempt, message.edits_key, message.id],
  };
}

/** A word of the watchdog's that its owner has had by another route ends here, as sent. Otherwise: no row. */
export function toldOtherwise(message: Outbound, now: number): Op<Pick<Outbound, 'id'>> {
  return {
    verb: 'outbound.toldOtherwise',
    sql: `UPDATE outbound SET state = 'sent', changed_at = ?, finished_at = ?, error = 'told by another route'
          WHERE id = ? AND state = 'sending' AND attempt = ?
            AND EXISTS (SELECT 1 FROM telling t WHERE t.message = ? AND t.told_at IS NOT NULL) RETURNING id`,
    args: [now, now, message.id, message.attempt, tellingOf(message.key)],
  };
}

/** The names of the watchdog's messages among all: `telling:<message>:<owner>`. */
export function tellingKey(message: string, owner: number): string {
  return `telling:${message}:${owner}`;
}

export function tellingOf(key: string): string | null {
  return /^telling:([^:]+):/.exec(key)?.[1] ?? null;
}

/** How far these are: of what is told in a digest, the digest. */
export function standing(keys: readonly string[]): Query<Pick<Outbound, 'key' | 'state'>> {
  return {
    verb: 'outbound.standing',
    sql: `SELECT o.key, coalesce(d.state, o.state) AS state FROM outbound o LEFT JOIN outbound d
            ON o.error GLOB '${TOLD_IN}*' AND d.id = CAST(substr(o.error, ${TOLD_IN.length + 1}) AS INTEGER)
          WHERE o.key IN (SELECT value FROM json_each(?))`,
    args: [JSON.stringify(keys)],
  };
}

/** Since when the message that may go next has been free to go. */
export function overdue(now: number, quiet: boolean): Query<{ since_at: number }> {
  return {
    verb: 'outbound.overdue',
    sql: `SELECT due_at AS since_at FROM outbound WHERE id = (${nextIn(quiet)})`,
    args: [now, now, now, now],
  };
}

/** What was posted to a conversation after `id`: how a terminal follows its conversation. */
export function after(
  conversation: string,
  id: number,
): Query<Pick<Outbound, 'id' | 'kind' | 'turn_id' | 'text'>> {
  return {
    verb: 'outbound.after',
    sql: 'SELECT id, kind, turn_id, text FROM outbound WHERE conversation = ? AND id > ? ORDER BY id',
    args: [conversation, id],
  };
}

/** The last thing posted to a conversation, to follow it from there. */
export function newest(conversation: string): Query<{ id: number | null }> {
  return {
    verb: 'outbound.newest',
    sql: 'SELECT max(id) AS id FROM outbound WHERE conversation = ?',
    args: [conversation],
  };
}

/** What was posted under a key. */
export function keyed(key: string): Query<Pick<Outbound, 'text'>> {
  return { verb: 'outbound.keyed', sql: 'SELECT text FROM outbound WHERE key = ?', args: [key] };
}

/** What is not out yet, by state. */
export const backlog: Query<{ state: string; count: number; oldest_at: number }> = {
  verb: 'outbound.backlog',
  sql: `SELECT state, count(*) AS count, min(created_at) AS oldest_at FROM outbound
        WHERE ${OPEN} GROUP BY state`,
  args: [],
};

/** What is not out yet, the oldest first. */
export function unsent(most: number): Query<Outbound> {
  return {
    verb: 'outbound.unsent',
    sql: `SELECT * FROM outbound INDEXED BY outbound_queue WHERE ${OPEN} ORDER BY id LIMIT ?`,
    args: [most],
  };
}

export function ofTurn(turn_id: string): Query<Outbound> {
  return {
    verb: 'outbound.ofTurn',
    sql: 'SELECT * FROM outbound WHERE turn_id = ? ORDER BY id',
    args: [turn_id],
  };
}

/** By the name that its channel gave to any part of it. Looks through all there is: for a person who asks. */
export function named(message_ref: number): Query<Outbound> {
  return {
    verb: 'outbound.named',
    sql: `SELECT o.* FROM outbound o WHERE o.turn_id IS NOT NULL
            AND EXISTS (SELECT 1 FROM json_each(o.refs_json) r WHERE r.value = ?) ORDER BY o.id DESC LIMIT 1`,
    args: [message_ref],
  };
}

/** What went out in a conversation before the message `before_id`, the latest first, with the command that asked for it. */
export function saidIn(
  conversation: string,
  before_id: number,
  most: number,
): Query<
  Pick<Outbound, 'id' | 'kind' | 'turn_id' | 'text' | 'format' | 'file_json' | 'created_at'> & {
    command: string | null;
  }
> {
  return {
    verb: 'outbound.saidIn',
    sql: `SELECT o.id, o.kind, o.turn_id, o.text, o.format, o.file_json, o.created_at, CASE WHEN o.key GLOB 'press:*' THEN
            (SELECT p.data FROM press p WHERE p.id = CAST(substr(o.key, 7) AS INTEGER)) END AS command
          FROM outbound o WHERE o.conversation = ? AND o.id < ? ORDER BY o.id DESC LIMIT ?`,
    args: [conversation, before_id, most],
  };
}
