/**
 * attachment: a file that came with a message. pending → ready | failed. `telegram` fetches it into `state/files`; the
 * message waits until none of its files is pending.
 */

import type { Query, Table } from './op.ts';

export const table: Table = {
  name: 'attachment',
  about: 'the files that came with messages',
  pen: { record: 'telegram' },
  keeps: 'as its message',
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

/** The files of the messages that a turn has taken, in their order. */
export function ofTurn(turn_id: string): Query<Attachment> {
  return {
    verb: 'attachment.ofTurn',
    sql: `SELECT a.* FROM inbound i JOIN attachment a ON a.inbound_id = i.id WHERE i.turn_id = ? ORDER BY a.id`,
    args: [turn_id],
  };
}
