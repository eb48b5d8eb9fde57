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

export const KINDS = ['fact', 'preference', 'person', 'task', 'event', 'instruction', 'summary'] as const;
export const STATUSES = [
  'active',
  'proposed',
  'disputed',
  'quarantined',
  'superseded',
  'retracted',
  'expired',
] as const;

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

/** What it replaced and what replaced it, step by step, itself among them: the oldest first. */
export function chain(id: number): Query<Memory> {
  return {
    verb: 'memory.chain',
    sql: `WITH RECURSIVE
            later (id) AS (VALUES (?) UNION SELECT m.superseded_by FROM memory m JOIN later l ON m.id = l.id
                           WHERE m.superseded_by IS NOT NULL),
            earlier (id) AS (VALUES (?) UNION SELECT m.id FROM memory m JOIN earlier e ON m.superseded_by = e.id)
          SELECT m.* FROM memory m WHERE m.id IN (SELECT id FROM later UNION SELECT id FROM earlier)
          ORDER BY m.recorded_at, m.id`,
    args: [id, id],
  };
}

export const counts: Query<Pick<Memory, 'scope' | 'kind' | 'status'> & { count: number }> = {
  verb: 'memory.counts',
  sql: 'SELECT scope, kind, status, count(*) AS count FROM memory GROUP BY scope, kind, status ORDER BY scope, kind, status',
  args: [],
};

/** How many were learnt in a stretch of time, and how many ceased to be believed. */
export function turnover(from_at: number, before_at: number): Query<{ learnt: number; ended: number }> {
  return {
    verb: 'memory.turnover',
    sql: `SELECT count(*) FILTER (WHERE recorded_at >= ? AND recorded_at < ?) AS learnt,
            count(*) FILTER (WHERE unrecorded_at >= ? AND unrecorded_at < ?) AS ended FROM memory`,
    args: [from_at, before_at, from_at, before_at],
  };
}

/** What it all takes on the disk, with its indexes. Looks at every page of these tables: for a person who asks. */
export const bytes: Query<{ what: string; bytes: number }> = {
  verb: 'memory.bytes',
  sql: `SELECT p.what, coalesce(sum(d.pgsize), 0) AS bytes
        FROM (SELECT 'what was said, to be searched' AS what, 'passage*' AS like_name
              UNION ALL SELECT 'memories and their sources', 'memory*') p
        JOIN sqlite_schema s ON s.tbl_name GLOB p.like_name AND s.rootpage > 0
        JOIN dbstat d ON d.name = s.name AND d.aggregate = TRUE
        GROUP BY p.what ORDER BY p.what`,
  args: [],
};

/** What waits for somebody's word. */
export const unsettled: Query<Pick<Memory, 'id' | 'scope' | 'status'>> = {
  verb: 'memory.unsettled',
  sql: `SELECT id, scope, status FROM memory WHERE status IN ('proposed', 'disputed') ORDER BY id`,
  args: [],
};
