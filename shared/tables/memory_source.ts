/** memory_source: which messages a memory rests on, and which words in them. */

import type { Message } from './message.ts';
import type { Query, Table } from './op.ts';

export const table: Table = {
  name: 'memory_source',
  about: 'which messages each memory rests on',
  pen: { record: 'memory' },
  keeps: 'with its memory',
};

export type Source = {
  memory_id: number;
  message_id: number;
  quote_from: number | null;
  quote_to: number | null;
};

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
