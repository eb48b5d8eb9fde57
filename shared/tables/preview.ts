/**
 * preview: the message that shows an answer while it is being written, one per turn: sending → shown → replaced by the
 * answer, or ended without one. `sending` is on the disk before the message leaves; one whose fate nobody knows is
 * looked for in the chat, and `lost` when it is not found: then the turn gets no second one.
 */

import type { Draft } from './draft.ts';
import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'preview',
  about: 'which message shows the answer that is being written, and how far',
  pen: { record: 'telegram' },
  keeps: { days: 7, since: 'changed_at', unless: "state IN ('sending', 'shown')" },
  erase: { where: 'turn_id IN gone_turn' },
};

export type Preview = {
  turn_id: string;
  chat: string;
  message_id: number | null;
  /** The newest message of the chat that was known when it was sent: it comes after that one. */
  after_id: number;
  state: 'sending' | 'shown' | 'ended' | 'replaced' | 'lost';
  /** Of the text that it shows, to know it again. */
  text_hash: string;
  /** 1: nobody knew for a while whether it had arrived. */
  uncertain: number;
  /** The `changed_at` of the draft that it shows. */
  draft_at: number;
  changed_at: number;
};

/** A draft and its preview differ. */
export type Stale = Pick<Draft, 'turn_id' | 'open' | 'changed_at'> & {
  chat: string;
  begun_at: number | null;
  state: Preview['state'] | null;
  /** 1: other messages of the chat come first. */
  queued: number;
  paused_until_at: number | null;
};

const QUEUED = `EXISTS (SELECT 1 FROM outbound o WHERE o.channel = 'telegram' AND o.chat = d.chat
    AND o.state IN ('pending', 'sending', 'uncertain'))`;
const COLUMNS = `d.turn_id, d.chat, d.open, d.changed_at, t.created_at AS begun_at, p.state, ${QUEUED} AS queued,
    CASE WHEN c.paused_at <= ? THEN c.paused_until_at END AS paused_until_at`;
const AROUND = `LEFT JOIN turn t ON t.id = d.turn_id LEFT JOIN chat c ON c.chat = d.chat`;

/** What is to be shown, or to be ended because its turn is over. A pause that was set in the future is none. */
export function stale(now: number): Query<Stale> {
  return {
    verb: 'preview.stale',
    sql: `SELECT ${COLUMNS} FROM draft d INDEXED BY draft_open LEFT JOIN preview p ON p.turn_id = d.turn_id ${AROUND}
          WHERE d.open = 1 AND d.channel = 'telegram' AND d.chat IS NOT NULL AND (p.turn_id IS NULL
            OR p.state IN ('sending', 'ended') OR (p.state = 'shown' AND p.draft_at <> d.changed_at))
          UNION ALL
          SELECT ${COLUMNS} FROM preview p INDEXED BY preview_shown JOIN draft d ON d.turn_id = p.turn_id ${AROUND}
          WHERE p.state IN ('sending', 'shown') AND d.open = 0`,
    args: [now, now],
  };
}

export function of(turn_id: string): Query<Preview> {
  return { verb: 'preview.of', sql: 'SELECT * FROM preview WHERE turn_id = ?', args: [turn_id] };
}

/** What else is on its way into the chat: a row when there is anything. */
export function queued(chat: string): Query<{ id: number }> {
  return {
    verb: 'preview.queued',
    sql: `SELECT o.id FROM outbound o WHERE o.channel = 'telegram' AND o.chat = ?
            AND o.state IN ('pending', 'sending', 'uncertain') LIMIT 1`,
    args: [chat],
  };
}

/** Turns in work of which their chat sees nothing yet. */
export function unseen(now: number): Query<{ chat: string; conversation: string }> {
  return {
    verb: 'preview.unseen',
    sql: `SELECT t.chat, t.conversation FROM turn t INDEXED BY turn_active LEFT JOIN chat c ON c.chat = t.chat
          WHERE t.state IN ('running', 'waiting') AND (t.state = 'running' OR t.waits_for = 'tools')
            AND t.channel = 'telegram' AND t.chat IS NOT NULL
            AND (c.paused_until_at IS NULL OR c.paused_until_at <= ? OR c.paused_at > ?)
            AND NOT EXISTS (SELECT 1 FROM preview p WHERE p.turn_id = t.id AND p.state = 'shown')`,
    args: [now, now],
  };
}

/** The intent, before it leaves. Durable: one that nobody knows of would stay in the chat for ever. */
export function begin(
  preview: Pick<Preview, 'turn_id' | 'chat' | 'after_id' | 'text_hash' | 'draft_at'>,
  now: number,
): Op {
  const { turn_id, chat, after_id, text_hash, draft_at } = preview;
  return {
    verb: 'preview.begin',
    sql: `INSERT INTO preview (turn_id, chat, after_id, state, text_hash, draft_at, changed_at)
          VALUES (?,?,?,'sending',?,?,?)`,
    args: [turn_id, chat, after_id, text_hash, draft_at, now],
    durable: true,
  };
}

/** It stands in the chat with this text. */
export function shown(
  turn_id: string,
  how: Pick<Preview, 'message_id' | 'text_hash' | 'draft_at'> & { state: 'shown' | 'ended'; now: number },
): Op {
  return {
    verb: 'preview.shown',
    sql: `UPDATE preview SET state = ?, message_id = ?, text_hash = ?, draft_at = ?, changed_at = ?
          WHERE turn_id = ?`,
    args: [how.state, how.message_id, how.text_hash, how.draft_at, how.now, turn_id],
  };
}

/** It was in doubt, and is found, or `lost`. */
export function settled(turn_id: string, message_id: number | null, now: number): Op {
  return {
    verb: 'preview.settled',
    sql: `UPDATE preview SET state = ?, message_id = ?, uncertain = 1, changed_at = ? WHERE turn_id = ?`,
    args: [message_id === null ? 'lost' : 'shown', message_id, now, turn_id],
  };
}

/** The answer has taken its place, or it is gone from the chat. */
export function leave(turn_id: string, state: 'replaced' | 'lost', now: number): Op {
  return {
    verb: 'preview.leave',
    sql: 'UPDATE preview SET state = ?, changed_at = ? WHERE turn_id = ?',
    args: [state, now, turn_id],
  };
}

/** It certainly did not leave. */
export function unsent(turn_id: string): Op {
  return {
    verb: 'preview.unsent',
    sql: `DELETE FROM preview WHERE turn_id = ? AND state = 'sending'`,
    args: [turn_id],
  };
}
