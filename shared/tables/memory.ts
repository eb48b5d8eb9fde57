/** memory: what is remembered: facts, preferences, people, tasks, events, instructions, summaries. Superseded, never overwritten. */

import type { Trust } from './message.ts';
import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'memory',
  about: 'what is remembered, since when, and what it replaced',
  pen: { record: 'memory' },
  keeps: 'until forgotten',
  erase: { where: 'id IN gone_memory' },
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
  /** When the owner was asked about it: once. */
  asked_at: number | null;
};

/** What of a memory changes; the rest is never written again. */
export type State = Pick<
  Memory,
  | 'status'
  | 'origin'
  | 'trust'
  | 'confidence'
  | 'valid_to'
  | 'unrecorded_at'
  | 'superseded_by'
  | 'pinned'
  | 'asked_at'
>;

/** By its `uid`, since its `id` is known only when it is there. */
export type Added = Omit<Memory, 'id' | 'superseded_by' | 'run_id'>;

/** @param run_hash the `input_hash` of the run that adds it */
export function add(memory: Added, run_hash: string | null): Op {
  const { uid, scope, kind, slot, text, hash, status, origin, trust, confidence } = memory;
  const { valid_from, valid_to, due_at, period, starts_at, ends_at } = memory;
  const { recorded_at, unrecorded_at, wish_id, pinned, asked_at } = memory;
  return {
    verb: 'memory.add',
    sql: `INSERT INTO memory (uid, scope, kind, slot, text, hash, status, origin, trust, confidence, valid_from, valid_to,
            due_at, period, starts_at, ends_at, recorded_at, unrecorded_at, wish_id, pinned, asked_at, run_id)
          VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?, (SELECT id FROM memory_run WHERE input_hash = ?))`,
    args: [
      ...[uid, scope, kind, slot, text, hash, status, origin, trust, confidence, valid_from, valid_to],
      ...[due_at, period, starts_at, ends_at, recorded_at, unrecorded_at, wish_id, pinned, asked_at],
      run_hash,
    ],
  };
}

/** Void when it is not what it was taken for any more. */
export function revise(uid: string, was: Memory['status'], to: State): Op {
  return {
    verb: 'memory.revise',
    sql: `UPDATE memory SET status = ?, origin = ?, trust = ?, confidence = ?, valid_to = ?, unrecorded_at = ?,
            superseded_by = ?, pinned = ?, asked_at = ? WHERE uid = ? AND status = ?`,
    args: [
      ...[to.status, to.origin, to.trust, to.confidence, to.valid_to, to.unrecorded_at],
      ...[to.superseded_by, to.pinned, to.asked_at, uid, was],
    ],
    expect: 1,
  };
}

/** The one that took its place; once both are there. */
export function replacedBy(uid: string, by: string): Op {
  return {
    verb: 'memory.replacedBy',
    sql: 'UPDATE memory SET superseded_by = (SELECT id FROM memory WHERE uid = ?) WHERE uid = ?',
    args: [by, uid],
    expect: 1,
  };
}

export type Touched = {
  hashes: readonly string[];
  slots: readonly string[];
  ids: readonly number[];
  starts: readonly number[];
};

/** What changes may touch: of the same words or slot, or named by number; and the summaries of the same times. */
export function touched(scope: string, { hashes, slots, ids, starts }: Touched): Query<Memory> {
  return {
    verb: 'memory.touched',
    sql: `SELECT * FROM memory WHERE id IN (
            SELECT id FROM memory WHERE scope = ? AND hash IN (SELECT value FROM json_each(?))
            UNION SELECT id FROM memory INDEXED BY memory_of_slot WHERE scope = ? AND slot IN (SELECT value FROM json_each(?))
              AND status IN ('active', 'disputed')
            UNION SELECT id FROM memory WHERE id IN (SELECT value FROM json_each(?)) AND scope = ?
            UNION SELECT id FROM memory INDEXED BY memory_period WHERE scope = ? AND status = 'active' AND kind = 'summary'
              AND period IN ('session', 'day', 'week') AND starts_at IN (SELECT value FROM json_each(?))) ORDER BY id`,
    args: [
      ...[scope, JSON.stringify(hashes), scope, JSON.stringify(slots), JSON.stringify(ids), scope],
      ...[scope, JSON.stringify(starts)],
    ],
  };
}

/** How many are in force, summaries aside. */
export function countActive(scope: string): Query<{ count: number }> {
  return {
    verb: 'memory.countActive',
    sql: `SELECT count(*) AS count FROM memory WHERE scope = ? AND status = 'active' AND kind <> 'summary'`,
    args: [scope],
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

/** Fails when the words that are searched are not those that are remembered. */
export const check: Op = {
  verb: 'memory.check',
  sql: `INSERT INTO memory_fts (memory_fts, rank) VALUES ('integrity-check', 1)`,
  args: [],
};

/** What is searched is made anew. */
export const rebuild: Op = {
  verb: 'memory.rebuild',
  sql: `INSERT INTO memory_fts (memory_fts) VALUES ('rebuild')`,
  args: [],
};

export const scopes: Query<{ scope: string }> = {
  verb: 'memory.scopes',
  sql: 'SELECT scope FROM memory UNION SELECT scope FROM profile',
  args: [],
};

/** What the owner has not been asked about yet; the newest of it is how old. */
export const unasked: Query<Memory> = {
  verb: 'memory.unasked',
  sql: `SELECT * FROM memory INDEXED BY memory_unasked WHERE status IN ('proposed', 'disputed') AND asked_at IS NULL ORDER BY id`,
  args: [],
};

export function asked(ids: readonly number[], at: number): Op {
  return {
    verb: 'memory.asked',
    sql: 'UPDATE memory SET asked_at = ? WHERE id IN (SELECT value FROM json_each(?)) AND asked_at IS NULL',
    args: [at, JSON.stringify(ids)],
    expect: ids.length,
  };
}

/** What stands against one: the same words, a value of the same slot, or what it was found to contradict. */
export function rivals(memory: Pick<Memory, 'id' | 'scope' | 'slot' | 'hash'>): Query<Memory> {
  return {
    verb: 'memory.rivals',
    sql: `SELECT * FROM memory WHERE id <> ? AND status IN ('active', 'disputed') AND id IN (
            SELECT id FROM memory INDEXED BY memory_of_slot WHERE scope = ? AND slot = ?
            UNION SELECT id FROM memory INDEXED BY memory_of_hash WHERE scope = ? AND hash = ?
            UNION SELECT other_id FROM memory_change WHERE memory_id = ? AND op = 'dispute'
            UNION SELECT memory_id FROM memory_change INDEXED BY memory_change_other WHERE other_id = ? AND op = 'dispute')
          ORDER BY id`,
    args: [memory.id, memory.scope, memory.slot, memory.scope, memory.hash, memory.id, memory.id],
  };
}

/** What is over: its time has passed, or it was a task or a session and nobody has spoken of it since. Not what is pinned. */
export function over(now: number, overdue_at: number, session_at: number): Query<Memory> {
  return {
    verb: 'memory.over',
    sql: `SELECT * FROM memory INDEXED BY memory_ending WHERE status = 'active' AND valid_to <= ? AND pinned = 0
          UNION SELECT * FROM memory INDEXED BY memory_due WHERE status = 'active' AND due_at <= ? AND pinned = 0
            AND kind IN ('task', 'event')
          UNION SELECT * FROM memory INDEXED BY memory_session WHERE status = 'active' AND period = 'session'
            AND ends_at <= ? AND pinned = 0`,
    args: [now, overdue_at, session_at],
  };
}

/** With the messages that it rests on. */
export type Cited = Memory & { sources_json: string };

const SOURCES =
  '(SELECT json_group_array(s.message_id) FROM memory_source s WHERE s.memory_id = m.id) AS sources_json';

/** What is so, or unclear, and has words of `match` (an FTS5 expression) in it. */
export function bearing(scope: string, match: string, limit: number): Query<Cited> {
  return {
    verb: 'memory.bearing',
    sql: `SELECT m.*, ${SOURCES} FROM memory_fts CROSS JOIN memory m ON m.id = memory_fts.rowid
          WHERE memory_fts MATCH ? AND m.scope = ? AND m.status IN ('active', 'disputed')
          ORDER BY bm25(memory_fts), m.id DESC LIMIT ?`,
    args: [match, scope, limit],
  };
}

/** Of these, what is so, or unclear, in this scope. */
export function inForce(scope: string, ids: readonly number[]): Query<Cited> {
  return {
    verb: 'memory.inForce',
    sql: `SELECT m.*, ${SOURCES} FROM memory m WHERE m.id IN (SELECT value FROM json_each(?))
            AND m.scope = ? AND m.status IN ('active', 'disputed')`,
    args: [JSON.stringify(ids), scope],
  };
}

/** Of these messages, those that tell what is so no more; and what has taken its place, where anything has. */
export function replacing(
  scope: string,
  message_ids: readonly number[],
): Query<{ message_id: number } & (Cited | { id: null })> {
  return {
    verb: 'memory.replacing',
    sql: `SELECT old.message_id, m.*, ${SOURCES} FROM json_each(?) q
          CROSS JOIN memory_source old ON old.message_id = q.value
          CROSS JOIN memory was ON was.id = old.memory_id AND was.scope = ? AND was.status IN ('superseded', 'retracted')
          LEFT JOIN memory m INDEXED BY memory_of_slot ON m.scope = was.scope AND m.slot = was.slot
            AND m.status IN ('active', 'disputed')
          WHERE NOT EXISTS (SELECT 1 FROM memory_source new WHERE new.memory_id = m.id AND new.message_id = old.message_id)`,
    args: [JSON.stringify(message_ids), scope],
  };
}

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

/** What waits for the word of whose memory it is: the latest first. */
export function waiting(scope: string, most: number): Query<Memory> {
  return {
    verb: 'memory.waiting',
    sql: `SELECT * FROM memory INDEXED BY memory_waiting WHERE status IN ('proposed', 'disputed', 'quarantined') AND scope = ?
          ORDER BY id DESC LIMIT ?`,
    args: [scope, most],
  };
}

/** The latest first, before `before`, however many there are. */
export function browsed({
  scope,
  statuses,
  kind,
  before_id,
  most,
}: Omit<Filter, 'conversation'> & { before_id: number }): Query<Memory> {
  return {
    verb: 'memory.browsed',
    sql: `SELECT * FROM memory WHERE id < ? AND scope = coalesce(?, scope) AND kind = coalesce(?, kind)
            AND status IN (SELECT value FROM json_each(?)) ORDER BY id DESC LIMIT ?`,
    args: [before_id, scope, kind, JSON.stringify(statuses), most],
  };
}

/** Whatever has these words in a row, whether it is in force or not: a `phrase` as memory_fts knows it, or characters `within` it. */
export function holding(
  { scope, upto_at, most }: { scope: string; upto_at: number; most: number },
  words: { phrase: string } | { within: string },
): Query<Pick<Memory, 'id'>> {
  const has =
    'phrase' in words
      ? 'id IN (SELECT rowid FROM memory_fts WHERE memory_fts MATCH ?)'
      : 'instr(lower(text), lower(?)) > 0';
  return {
    verb: 'memory.holding',
    sql: `SELECT id FROM memory WHERE scope = ? AND recorded_at <= ? AND kind <> 'summary' AND ${has} ORDER BY id DESC LIMIT ?`,
    args: [scope, upto_at, 'phrase' in words ? words.phrase : words.within, most],
  };
}

/** What a model is shown that reads on: what is pinned or has a slot, and those named, which come first. */
export function known(scope: string, named: readonly number[], most: number): Query<Memory> {
  return {
    verb: 'memory.known',
    sql: `SELECT * FROM (SELECT *, id IN (SELECT value FROM json_each(?)) AS named FROM memory
            WHERE scope = ? AND status IN ('active', 'disputed') AND kind <> 'summary') t
          WHERE named OR slot IS NOT NULL OR pinned = 1 ORDER BY named DESC, pinned DESC, id DESC LIMIT ?`,
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
