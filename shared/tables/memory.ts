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

/** What a model is shown that reads on: what is pinned or has a slot, and those named, which come first. */
export function known(scope: string, named: readonly number[], most: number): Query<Memory> {
  return {
    verb: 'memory.known',
    sql: `SELECT m.* FROM memory m LEFT JOIN json_each(?) n ON n.value = m.id
          WHERE m.scope = ? AND m.status IN ('active', 'disputed') AND m.kind <> 'summary'
            AND (n.value IS NOT NULL OR m.slot IS NOT NULL OR m.pinned = 1)
          ORDER BY n.value IS NULL, m.pinned DESC, m.id DESC LIMIT ?`,
    args: [JSON.stringify(named), scope, most],
  };
}

export function named(ids: readonly number[]): Query<Memory> {
  return {
    verb: 'memory.named',
    sql: 'SELECT * FROM memory WHERE id IN (SELECT value FROM json_each(?))',
    args: [JSON.stringify(ids)],
  };
}

/** The summaries in force of what began in that time, the earliest first. */
export function summaries(scope: string, from_at: number, to_at: number): Query<Memory> {
  return {
    verb: 'memory.summaries',
    sql: `SELECT * FROM memory WHERE scope = ? AND status = 'active' AND kind = 'summary' AND starts_at >= ? AND starts_at < ?
          ORDER BY starts_at, id`,
    args: [scope, from_at, to_at],
  };
}

/** Whose sessions of that time are summed up. */
export function summarised(from_at: number): Query<{ scope: string }> {
  return {
    verb: 'memory.summarised',
    sql: `SELECT DISTINCT scope FROM memory WHERE status = 'active' AND kind = 'summary' AND period = 'session' AND starts_at >= ?`,
    args: [from_at],
  };
}
