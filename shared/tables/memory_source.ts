/** memory_source: which messages a memory rests on, and which words in them. */

import type { Message } from './message.ts';
import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'memory_source',
  about: 'which messages each memory rests on',
  pen: { record: 'memory' },
  keeps: 'with its memory',
  erase: { where: 'message_id IN gone_message' },
};

export type Source = {
  memory_id: number;
  message_id: number;
  quote_from: number | null;
  quote_to: number | null;
};

/** Void when the message was forgotten meanwhile. */
export function put(uid: string, { message_id, quote_from, quote_to }: Omit<Source, 'memory_id'>): Op {
  return {
    verb: 'memory_source.put',
    sql: `INSERT INTO memory_source (memory_id, message_id, quote_from, quote_to)
          SELECT m.id, s.id, ?, ? FROM memory m JOIN message s ON s.id = ? WHERE m.uid = ?`,
    args: [quote_from, quote_to, message_id, uid],
    expect: 1,
  };
}

export function drop(uid: string, message_ids: readonly number[]): Op {
  return {
    verb: 'memory_source.drop',
    sql: `DELETE FROM memory_source WHERE memory_id = (SELECT id FROM memory WHERE uid = ?)
            AND message_id IN (SELECT value FROM json_each(?))`,
    args: [uid, JSON.stringify(message_ids)],
  };
}

export function of(memory_ids: readonly number[]): Query<Source> {
  return {
    verb: 'memory_source.of',
    sql: 'SELECT * FROM memory_source WHERE memory_id IN (SELECT value FROM json_each(?))',
    args: [JSON.stringify(memory_ids)],
  };
}

/** A source with the message that it is. */
export type Quoted = Source &
  Pick<Message, 'role' | 'sender' | 'text' | 'at' | 'turn_id' | 'trust'> & { conversation: string };

const QUOTED = `SELECT s.*, g.conversation, g.role, g.sender, g.text, g.at, g.turn_id, g.trust
  FROM memory_source s JOIN message g ON g.id = s.message_id`;

export function ofMemory(memory_id: number): Query<Quoted> {
  return {
    verb: 'memory_source.ofMemory',
    sql: `${QUOTED} WHERE s.memory_id = ? ORDER BY s.message_id`,
    args: [memory_id],
  };
}

/** Of all memories of the scope, in their order. */
export function ofScope(scope: string): Query<Quoted> {
  return {
    verb: 'memory_source.ofScope',
    sql: `${QUOTED} JOIN memory m ON m.id = s.memory_id WHERE m.scope = ? ORDER BY s.memory_id, s.message_id`,
    args: [scope],
  };
}

/** The memories that rest on any of these. */
export function restingOn(message_ids: readonly number[]): Query<Pick<Source, 'memory_id'>> {
  return {
    verb: 'memory_source.restingOn',
    sql: 'SELECT DISTINCT memory_id FROM memory_source WHERE message_id IN (SELECT value FROM json_each(?))',
    args: [JSON.stringify(message_ids)],
  };
}
