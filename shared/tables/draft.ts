/**
 * draft: the answer that is being written, and what the turn is at. core writes it about once a second; whoever shows
 * it (a bridge, a terminal) follows `draft` and tells its own progress in a table of its own. An answer that takes less
 * than a second has no draft. What counts in the end is the `outbound` row of the turn, which takes the draft's place.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'draft',
  about: 'the answers that are being written',
  pen: { record: 'core' },
  keeps: { days: 7, since: 'changed_at', unless: 'open = 1' },
  erase: { where: 'turn_id IN gone_turn' },
};

export type Draft = {
  turn_id: string;
  conversation: string;
  channel: 'telegram' | 'terminal';
  chat: string | null;
  message_ref: string | null;
  /** Markdown, as far as it goes. */
  text: string;
  /** What is being done besides, in a few words: `Running: ls -la`. */
  status: string | null;
  /** 1 while the turn is in work. */
  open: number;
  changed_at: number;
};

/** Of a turn that is over nothing is written: whoever stopped it was quicker. */
export function write(draft: Omit<Draft, 'open' | 'changed_at'> & { now: number }): Op {
  return {
    verb: 'draft.write',
    sql: `INSERT INTO draft (turn_id, conversation, channel, chat, message_ref, text, status, open, changed_at)
          SELECT ?,?,?,?,?,?,?,1,? WHERE NOT EXISTS (SELECT 1 FROM turn t WHERE t.id = ? AND t.finished_at IS NOT NULL)
          ON CONFLICT (turn_id) DO UPDATE SET text = excluded.text, status = excluded.status, open = 1,
            changed_at = excluded.changed_at`,
    args: [
      draft.turn_id,
      draft.conversation,
      draft.channel,
      draft.chat,
      draft.message_ref,
      draft.text,
      draft.status,
      draft.now,
      draft.turn_id,
    ],
    rings: 'draft',
  };
}

/** The turn is over, or rests for long: what stands stays. No draft: nothing happens. */
export function close(turn_id: string, now: number): Op {
  return {
    verb: 'draft.close',
    sql: 'UPDATE draft SET open = 0, changed_at = ? WHERE turn_id = ? AND open = 1',
    args: [now, turn_id],
    rings: 'draft',
  };
}

/** Those in work. */
export const open: Query<Draft> = {
  verb: 'draft.open',
  sql: 'SELECT * FROM draft INDEXED BY draft_open WHERE open = 1 ORDER BY changed_at',
  args: [],
};

export function of(turn_id: string): Query<Draft> {
  return { verb: 'draft.of', sql: 'SELECT * FROM draft WHERE turn_id = ?', args: [turn_id] };
}
