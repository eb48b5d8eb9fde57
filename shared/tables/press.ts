/**
 * press: a button that somebody pressed, or a command that they typed. Anyone posts; `core` acts on it, in a lane that
 * waits behind no turn.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'press',
  about: 'every button that was pressed and command that was typed, and what came of it',
  pen: { mailbox: 'core' },
  keeps: { days: 400, since: 'handled_at' },
  erase: { where: 'id IN gone_press', set: "data = substr(data, 1, instr(data || ' ', ' ') - 1)" },
};

export type Press = {
  id: number;
  channel: 'telegram' | 'terminal';
  conversation: string;
  chat: string | null;
  sender: string;
  /** What the button stands for, as it was given to the channel: `<verb>:<id>…`. A command begins with '/'. */
  data: string;
  /** The message that bears the button, or is the command. */
  message_ref: string | null;
  received_at: number;
  /** 1: by an owner, who alone may allow, spend and revoke. */
  owner: number;
};

/** As a channel tells of it, under the name that it has there. */
export type Received = Omit<Press, 'id' | 'owner'> & {
  source: string;
  source_key: string;
  /** Whether an owner did it; true when left out. */
  owner?: boolean;
};

/** Durable; the same press told twice is stored once. */
export function receive(press: Received): Op {
  return {
    verb: 'press.receive',
    sql: `INSERT INTO press (source, source_key, channel, conversation, chat, sender, data, message_ref, received_at,
            owner) VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
    args: [
      press.source,
      press.source_key,
      press.channel,
      press.conversation,
      press.chat,
      press.sender,
      press.data,
      press.message_ref,
      press.received_at,
      press.owner === false ? 0 : 1,
    ],
    durable: true,
    rings: 'press',
  };
}

export const next: Query<Press> = {
  verb: 'press.next',
  sql: 'SELECT * FROM press WHERE handled_at IS NULL ORDER BY id LIMIT 1',
  args: [],
};

/** In the unit that does what was pressed for: done once (`Fenced`). */
export function handled(id: number, outcome: string, now: number): Op {
  return {
    verb: 'press.handled',
    sql: 'UPDATE press SET handled_at = ?, outcome = ? WHERE id = ? AND handled_at IS NULL',
    args: [now, outcome, id],
    expect: 1,
    durable: true,
  };
}

/** What has become of one, for whoever waits for it. */
export function of(
  source: string,
  source_key: string,
): Query<Press & { handled_at: number | null; outcome: string | null }> {
  return {
    verb: 'press.of',
    sql: 'SELECT * FROM press WHERE source = ? AND source_key = ?',
    args: [source, source_key],
  };
}

export function byId(id: number): Query<Press> {
  return { verb: 'press.byId', sql: 'SELECT * FROM press WHERE id = ?', args: [id] };
}

/** What was pressed and not handled. */
export const backlog: Query<{ count: number; oldest_at: number | null }> = {
  verb: 'press.backlog',
  sql: 'SELECT count(*) AS count, min(received_at) AS oldest_at FROM press WHERE handled_at IS NULL',
  args: [],
};
