/** decision: what was chosen, on what grounds. One row for each answer, each tool that was chosen, and each giving up. */

import { type Op, type Query, type Table, TURN_LASTS, type Value } from './op.ts';

export const table: Table = {
  name: 'decision',
  about: 'what was chosen in each turn, and why',
  pen: { record: 'core' },
  keeps: { days: 400, since: 'at', unless: TURN_LASTS },
  erase: { where: 'turn_id IN gone_turn', set: 'subject_json = NULL, reasoning = NULL' },
};

export type Decision = {
  id: string;
  turn_id: string;
  round: number;
  /** The ledger's row: what it cost is there, and in `exchange` the whole of what the model was told, word for word. */
  call_id: string | null;
  conversation: string;
  /** Who asked. */
  sender: string | null;
  model: string | null;
  /** `answer`, `stop` (a bound, a loop, the owner), `give up`, `escalate`, or `tool <name>`. */
  action: string;
  /** A tool's input; null for an answer, which is in `message`. */
  subject_json: string | null;
  /** The model's own thinking, when it gives it. */
  reasoning: string | null;
  /** From 0 to 1, as the model said it; null when it said none. */
  confidence: number | null;
  at: number;
};

export function record(decision: Decision): Op {
  return {
    verb: 'decision.record',
    sql: `INSERT INTO decision (id, turn_id, round, call_id, conversation, sender, model, action, subject_json, reasoning,
            confidence, at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`,
    args: [
      decision.id,
      decision.turn_id,
      decision.round,
      decision.call_id,
      decision.conversation,
      decision.sender,
      decision.model,
      decision.action,
      decision.subject_json,
      decision.reasoning,
      decision.confidence,
      decision.at,
    ],
    durable: true,
  };
}

export function ofTurn(turn_id: string): Query<Decision> {
  return {
    verb: 'decision.ofTurn',
    sql: 'SELECT * FROM decision WHERE turn_id = ? ORDER BY round, id',
    args: [turn_id],
  };
}

/** The one whose id begins so; two when that says too little. */
export function found(prefix: string): Query<Decision> {
  return {
    verb: 'decision.found',
    sql: 'SELECT * FROM decision WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 2',
    args: [prefix, `${prefix}~`],
  };
}

/** The latest, with what their model calls cost. @param action the beginning of it: `tool`, `tool read_file`, `answer` */
export function latest(
  from_at: number,
  action: string,
  most: number,
): Query<Decision & { cost_nanousd: number | null }> {
  return {
    verb: 'decision.latest',
    sql: `SELECT d.*, c.cost_nanousd FROM decision d LEFT JOIN call c ON c.id = d.call_id
          WHERE d.at >= ? AND substr(d.action, 1, length(?)) = ? ORDER BY d.at DESC, d.id DESC LIMIT ?`,
    args: [from_at, action, action, most],
  };
}

/** What a list of them is narrowed by. */
export type Filter = {
  /** An action as it stands, or `tool`: of any tool. */
  action?: string;
  model?: string;
  conversation?: string;
  /** How its turn stands. */
  state?: 'running' | 'waiting' | 'held' | 'done' | 'dead';
  /** The beginning of its id or its turn's: eight characters of it are a minute. */
  id?: string;
  from_at?: number;
  /** Those before this one alone. */
  before?: Place;
};

export type Place = { at: number; id: string };

export type Listed = Decision & {
  /** Of the model call, which several may share. */
  cost_nanousd: number | null;
  latency_ms: number | null;
  state: string | null;
  good: number | null;
};

type Term = readonly [sql: string, ...args: Value[]];

/** Turns of a state, and decisions of a beginning, of which more would not be looked through. */
const MOST_LOOKED = 1000;

/** The first goes along an index, in the order of time; the others are asked of what it brings. */
function termsOf({ id, state, conversation, action, model, before }: Filter): Term[] {
  const terms: Term[] = [];
  if (id) {
    const within = (column: string) =>
      `SELECT * FROM (SELECT rowid FROM decision WHERE ${column} >= ? AND ${column} < ? LIMIT ${MOST_LOOKED})`;
    const range = [id, `${id}~`];
    terms.push([`d.rowid IN (${within('id')} UNION ${within('turn_id')})`, ...range, ...range]);
  }
  if (state === 'held' || state === 'dead') {
    // A turn's id is smaller than those of its decisions: both grow with time.
    const turns = `SELECT id FROM turn WHERE state IN ('held', 'dead') AND state = ? AND id < ?`;
    terms.push([
      `d.turn_id IN (${turns} ORDER BY id DESC LIMIT ${MOST_LOOKED})`,
      ...[state, before?.id ?? '~'],
    ]);
  }
  if (state === 'running' || state === 'waiting') {
    const turns = `SELECT id FROM turn INDEXED BY turn_due WHERE state IN ('running', 'waiting') AND state = ?`;
    terms.push([`d.turn_id IN (${turns})`, state]);
  }
  if (conversation) terms.push(['d.conversation = ?', conversation]);
  if (action === 'tool') terms.push(["d.action >= 'tool ' AND d.action < 'tool!'"]);
  else if (action) terms.push(['d.action = ?', action]);
  if (model) terms.push(['d.model = ?', model]);
  if (state === 'done')
    terms.push(["EXISTS (SELECT 1 FROM turn t WHERE t.id = d.turn_id AND t.state = 'done')"]);
  return terms;
}

/** Along one index. @param terms the first of them */
function stretch(filter: Filter, [first]: readonly Term[]): { sql: string; args: Value[] } {
  const { from_at = 0, before = { at: Number.MAX_SAFE_INTEGER, id: '' } } = filter;
  const [sql, ...args] = first ?? ['1'];
  return {
    sql: `FROM decision d WHERE ${sql} AND d.at >= ? AND d.at <= ? AND (d.at < ? OR d.id < ?)
            ORDER BY d.at DESC, d.id DESC`,
    args: [...args, from_at, before.at, before.at, before.id],
  };
}

/** The latest of them. @param window so many are looked through, where more than one thing is asked of them */
export function page(filter: Filter, most: number, window: number): Query<Listed> {
  const terms = termsOf(filter);
  const { sql, args } = stretch(filter, terms);
  const rest = terms.slice(1);
  return {
    verb: 'decision.page',
    sql: `SELECT d.*, c.cost_nanousd, c.latency_ms, t.state, r.good
          FROM (SELECT d.rowid AS place, d.at, d.id ${sql} LIMIT ?) w CROSS JOIN decision d ON d.rowid = w.place
          LEFT JOIN call c ON c.id = d.call_id LEFT JOIN turn t ON t.id = d.turn_id
          LEFT JOIN rating r ON r.turn_id = d.turn_id
          ${rest.length > 0 ? `WHERE ${rest.map(([term]) => term).join(' AND ')}` : ''}
          ORDER BY w.at DESC, w.id DESC LIMIT ?`,
    args: [...args, rest.length > 0 ? window : most, ...rest.flatMap(([, ...values]) => values), most],
  };
}

/** How far back `page` has looked; no row: to the beginning. */
export function reach(filter: Filter, window: number): Query<Place> {
  const { sql, args } = stretch(filter, termsOf(filter));
  return {
    verb: 'decision.reach',
    sql: `SELECT d.at, d.id ${sql} LIMIT 1 OFFSET ?`,
    args: [...args, window - 1],
  };
}

/** What there is to narrow them by, hopping from one to the next along the index. */
export function distinct(column: 'action' | 'model'): Query<{ value: string }> {
  return {
    verb: 'decision.distinct',
    sql: `WITH RECURSIVE name (value) AS (SELECT min(${column}) FROM decision WHERE ${column} IS NOT NULL UNION ALL
            SELECT (SELECT min(d.${column}) FROM decision d WHERE d.${column} > name.value) FROM name
            WHERE name.value IS NOT NULL LIMIT 200)
          SELECT value FROM name WHERE value IS NOT NULL`,
    args: [],
  };
}
