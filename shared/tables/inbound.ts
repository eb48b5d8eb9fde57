/** inbound: whatever came in, exactly as it came. Anyone posts; `core` takes. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'inbound',
  about: 'every message and update that came in, as it came',
  pen: { mailbox: 'core' },
  keeps: 'until forgotten',
  // The row stays, so that the same update told again is known.
  erase: {
    where: 'turn_id IN gone_turn OR id IN gone_inbound',
    set: `text = NULL, payload_json = '{}', parts_json = NULL, note = NULL,
      state = CASE WHEN state IN ('pending', 'taken') THEN 'dead' ELSE state END`,
  },
};

/** What becomes of it on arrival: `pending` is work for core, the other two are only recorded. */
export type Arrival = 'pending' | 'refused' | 'ignored';

export type Inbound = {
  /** Where it comes from, and its name there: the same thing told twice is stored once. */
  source: string;
  source_key: string;
  channel: 'telegram' | 'terminal' | 'canary';
  /** Null for what belongs to no conversation. */
  conversation: string | null;
  chat: string | null;
  sender: string | null;
  text: string | null;
  /** The message's own name on its channel, to reply to. */
  message_ref: string | null;
  payload_json: string;
  received_at: number;
  state: Arrival;
  /** Why it was refused or ignored. */
  note: string | null;
  /** What it is made of besides its text. */
  parts?: readonly Part[];
  /** The message (`message_ref`) that it corrects. */
  edits?: string | null;
  /** More that belongs to it may come until then. */
  ready_at?: number;
  /** Nobody said it: a job, a task. */
  unasked?: boolean;
};

/**
 * What a message carries besides the sender's own words. Only these are the sender's: everything here is data, with its
 * source, and none of it an instruction.
 */
export type Part =
  /** What it replies to, by whom; `own` when the agent itself said it. */
  | { kind: 'quote'; text: string; from: string; own: boolean }
  /** The message's text is not the sender's: it was forwarded from somebody. */
  | { kind: 'forward'; from: string }
  /** A place, a contact, whatever can be said in a line. */
  | { kind: 'note'; text: string };

/** Durable: the sender is told that we have it only after this. The second telling changes nothing. */
export function receive(message: Inbound): Op<{ id: number }> {
  return {
    verb: 'inbound.receive',
    sql: `INSERT INTO inbound (source, source_key, channel, conversation, chat, sender, text, message_ref, payload_json,
            received_at, state, note, parts_json, edits, ready_at, unasked) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
          ON CONFLICT (source, source_key) DO NOTHING RETURNING id`,
    args: [
      message.source,
      message.source_key,
      message.channel,
      message.conversation,
      message.chat,
      message.sender,
      message.text,
      message.message_ref,
      message.payload_json,
      message.received_at,
      message.state,
      message.note,
      message.parts?.length ? JSON.stringify(message.parts) : null,
      message.edits ?? null,
      message.ready_at ?? 0,
      message.unasked ? 1 : 0,
    ],
    durable: true,
    rings: 'inbound',
  };
}

/**
 * Moves the pending messages of the turn's conversation into the turn: what waits together is answered together.
 * At most `most` messages at once, the oldest first, so that a flood becomes several turns and not one huge one.
 */
export function take(turn_id: string, most: number): Op {
  return {
    verb: 'inbound.take',
    sql: `UPDATE inbound SET state = 'taken', turn_id = ? WHERE id IN (
            SELECT id FROM inbound WHERE state = 'pending'
              AND conversation = (SELECT conversation FROM turn WHERE id = ?) ORDER BY id LIMIT ?)`,
    args: [turn_id, turn_id, most],
  };
}

/** The turn's messages are answered, or given up for good. */
export function close(turn_id: string, state: 'answered' | 'dead'): Op {
  return {
    verb: 'inbound.close',
    sql: `UPDATE inbound SET state = ? WHERE turn_id = ?`,
    args: [state, turn_id],
  };
}

/** What waits in a conversation that is over is not answered any more. */
export function withdraw(conversation: string): Op {
  return {
    verb: 'inbound.withdraw',
    sql: `UPDATE inbound SET state = 'dead', note = 'withdrawn' WHERE state = 'pending' AND conversation = ?`,
    args: [conversation],
  };
}

/**
 * More may belong to what waits in its conversation: the rest of an album, a file that is still being fetched. Nobody
 * waits long for the former, whatever the clock does. Of `now`, twice.
 */
const GATHERING = `EXISTS (SELECT 1 FROM inbound g WHERE g.state = 'pending' AND g.conversation = i.conversation AND (
    (g.ready_at > ? AND g.ready_at - ? < 60000)
    OR EXISTS (SELECT 1 FROM attachment a WHERE a.inbound_id = g.id AND a.state = 'pending')))`;

/** The oldest message that a new turn could take; see `turn.open`. */
export const WAITING = `SELECT i.id FROM inbound i WHERE i.state = 'pending' AND NOT EXISTS (
    SELECT 1 FROM turn t WHERE t.conversation = i.conversation AND t.state IN ('running', 'waiting'))
    AND NOT ${GATHERING} ORDER BY i.id LIMIT 1`;

/** Is there any? A look without a lock, before the claim takes one. */
export function waiting(now: number): Query<{ id: number }> {
  return { verb: 'inbound.waiting', sql: WAITING, args: [now, now] };
}

/** What could join the turn of its conversation. */
export function joining(conversation: string, now: number): Query<{ id: number }> {
  return {
    verb: 'inbound.joining',
    sql: `SELECT i.id FROM inbound i WHERE i.state = 'pending' AND i.conversation = ? AND NOT ${GATHERING} LIMIT 1`,
    args: [conversation, now, now],
  };
}

/** When the next gathering is over, for a timer. */
export function nextReady(now: number): Query<{ ready_at: number | null }> {
  return {
    verb: 'inbound.nextReady',
    sql: `SELECT min(ready_at) AS ready_at FROM inbound WHERE state = 'pending' AND ready_at > ?`,
    args: [now],
  };
}

/** When the message came that a new turn could take. */
export function overdue(now: number): Query<{ since_at: number }> {
  return {
    verb: 'inbound.overdue',
    sql: `SELECT max(received_at, ready_at) AS since_at FROM inbound WHERE id = (${WAITING})`,
    args: [now, now],
  };
}

/**
 * A canary: a message that nobody said, to see whether messages are answered. It is in no conversation that anybody reads,
 * and core lets none of it into `message`, `step`, `decision` or a model.
 */
export function canary(source_key: string, now: number): Op<{ id: number }> {
  return receive({
    source: 'canary',
    source_key,
    channel: 'canary',
    conversation: 'canary',
    chat: null,
    sender: null,
    text: 'are you there?',
    message_ref: null,
    payload_json: '{}',
    received_at: now,
    state: 'pending',
    note: null,
    unasked: true,
  });
}

export type Canary = {
  received_at: number;
  state: 'pending' | 'taken' | 'answered' | 'dead';
  /** Why it was not answered. */
  error: string | null;
  answered_at: number | null;
};

export const lastCanary: Query<Canary> = {
  verb: 'inbound.lastCanary',
  sql: `SELECT i.received_at, i.state, t.error, o.created_at AS answered_at FROM inbound i
        LEFT JOIN turn t ON t.id = i.turn_id LEFT JOIN outbound o ON o.key = 'reply:' || i.turn_id
        WHERE i.source = 'canary' ORDER BY i.id DESC LIMIT 1`,
  args: [],
};

/** Canaries are kept for a day. */
export function forgetCanaries(before_at: number): Op {
  return {
    verb: 'inbound.forgetCanaries',
    sql: `DELETE FROM inbound WHERE source = 'canary' AND received_at < ? AND state IN ('answered', 'dead')`,
    args: [before_at],
  };
}

/** How one message stands: its state, its turn. */
export function status(id: number): Query<{ state: string; turn_id: string | null }> {
  return { verb: 'inbound.status', sql: 'SELECT state, turn_id FROM inbound WHERE id = ?', args: [id] };
}

/** A message as it came, with what became of it. */
export type Told = Omit<Inbound, 'parts' | 'edits' | 'ready_at' | 'unasked' | 'state'> & {
  id: number;
  state: Arrival | 'taken' | 'answered' | 'dead';
  turn_id: string | null;
  parts_json: string | null;
  unasked: number;
};

export function of(id: number): Query<Told> {
  return { verb: 'inbound.of', sql: 'SELECT * FROM inbound WHERE id = ?', args: [id] };
}

/** By its name where it comes from. */
export function keyed(source: string, source_key: string): Query<Told> {
  return {
    verb: 'inbound.keyed',
    sql: 'SELECT * FROM inbound WHERE source = ? AND source_key = ?',
    args: [source, source_key],
  };
}

export function ofTurn(turn_id: string): Query<Told> {
  return {
    verb: 'inbound.ofTurn',
    sql: 'SELECT * FROM inbound WHERE turn_id = ? ORDER BY id',
    args: [turn_id],
  };
}

/** By the name that its channel gave it, the newest; each chat counts for itself. Looks through all there is: for a person who asks. */
export function named(message_ref: string): Query<Told> {
  return {
    verb: 'inbound.named',
    sql: 'SELECT * FROM inbound WHERE message_ref = ? AND turn_id IS NOT NULL ORDER BY id DESC LIMIT 1',
    args: [message_ref],
  };
}

/** Which of these names in a conversation are of messages that came in; a press bears the name of another's. */
export function among(conversation: string, refs: readonly string[]): Query<{ message_ref: string }> {
  return {
    verb: 'inbound.among',
    sql: `SELECT message_ref FROM inbound INDEXED BY inbound_ref WHERE conversation = ? AND state <> 'ignored'
            AND message_ref IN (SELECT value FROM json_each(?))`,
    args: [conversation, JSON.stringify(refs)],
  };
}

export type Pending = Pick<Told, 'id' | 'conversation' | 'sender' | 'text' | 'received_at'>;

/** What waits for a turn, the oldest first. */
export function pending(most: number): Query<Pending> {
  return {
    verb: 'inbound.pending',
    sql: `SELECT id, conversation, sender, substr(text, 1, 300) AS text, received_at FROM inbound INDEXED BY inbound_pending
          WHERE state = 'pending' AND channel <> 'canary' ORDER BY id LIMIT ?`,
    args: [most],
  };
}

/** How many messages wait for a turn, and since when the oldest. */
export const backlog: Query<{ count: number; oldest_at: number | null }> = {
  verb: 'inbound.backlog',
  sql: `SELECT count(*) AS count, min(received_at) AS oldest_at FROM inbound WHERE state = 'pending'`,
  args: [],
};

/** What nobody has taken up yet in a conversation. */
export function pendingIn(conversation: string): Query<Pick<Told, 'id' | 'text' | 'received_at'>> {
  return {
    verb: 'inbound.pendingIn',
    sql: `SELECT id, text, received_at FROM inbound WHERE state = 'pending' AND conversation = ? ORDER BY id`,
    args: [conversation],
  };
}
