/** memory: what is remembered: facts, preferences, people, tasks, events, instructions, summaries. Superseded, never overwritten. */

import type { Trust } from './message.ts';
import type { Query, Table } from './op.ts';

export const table: Table = {
  name: 'memory',
  about: 'what is remembered, since when, and what it replaced',
  pen: { record: 'memory' },
  keeps: 'until forgotten',
};

export type Memory = {
  id: number;
  /** The same over restores, where an `id` may be given anew. */
  uid: string;
  scope: string;
  kind: 'fact' | 'preference' | 'person' | 'task' | 'event' | 'instruction' | 'summary';
  /** What it is a value of, such as `owner.city`: of each slot one value is in force. */
  slot: string | null;
  text: string;
  /** Of its words, to find the same again. */
  hash: string;
  /** `proposed`: waits for the owner's yes. `disputed`: contradicts another, and is asked about. */
  status: 'active' | 'proposed' | 'disputed' | 'quarantined' | 'superseded' | 'retracted' | 'expired';
  origin: 'owner' | 'rule' | 'model';
  trust: Trust;
  confidence: number | null;
  /** When it was so in the world; and below, when it was believed here. */
  valid_from: number | null;
  valid_to: number | null;
  due_at: number | null;
  /** What a summary sums up. */
  period: 'session' | 'day' | 'week' | null;
  starts_at: number | null;
  ends_at: number | null;
  recorded_at: number;
  unrecorded_at: number | null;
  superseded_by: number | null;
  run_id: number | null;
  wish_id: number | null;
  pinned: number;
  strength: number;
  uses: number;
  used_at: number | null;
  /** When the owner was asked about it: once. */
  asked_at: number | null;
};

export function of(id: number): Query<Memory> {
  return { verb: 'memory.of', sql: 'SELECT * FROM memory WHERE id = ?', args: [id] };
}

export type Filter = {
  /** Null: any; so is `kind`. */
  scope: string | null;
  statuses: readonly Memory['status'][];
  kind: Memory['kind'] | null;
  /** Only what rests on something said there. */
  conversation: string | null;
  most: number;
};

/** Pinned ones first, then the latest. */
export function listed({ scope, statuses, kind, conversation, most }: Filter): Query<Memory> {
  return {
    verb: 'memory.listed',
    sql: `SELECT m.* FROM memory m
          WHERE m.scope = coalesce(?, m.scope) AND m.status IN (SELECT value FROM json_each(?)) AND m.kind = coalesce(?, m.kind)
            AND (? IS NULL OR EXISTS (SELECT 1 FROM memory_source s JOIN message g ON g.id = s.message_id
                  WHERE s.memory_id = m.id AND g.conversation = ?))
          ORDER BY m.pinned DESC, m.recorded_at DESC, m.id DESC LIMIT ?`,
    args: [scope, JSON.stringify(statuses), kind, conversation, conversation, most],
  };
}

/** Whatever has these words in it, whether it is in force or not: `phrase` as memory_fts knows it. */
export function holding(scope: string, words: string, phrase: string, most: number): Query<Memory> {
  return {
    verb: 'memory.holding',
    sql: `SELECT * FROM memory WHERE scope = ? AND (instr(lower(text), lower(?)) > 0
            OR id IN (SELECT rowid FROM memory_fts WHERE memory_fts MATCH ?)) ORDER BY id DESC LIMIT ?`,
    args: [scope, words, phrase, most],
  };
}

/** All that is so, and all that is unclear; without summaries. */
export function standing(scope: string): Query<Memory> {
  return {
    verb: 'memory.standing',
    sql: `SELECT * FROM memory WHERE scope = ? AND status IN ('active', 'disputed') AND kind <> 'summary' ORDER BY id`,
    args: [scope],
  };
}
