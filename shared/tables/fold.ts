/**
 * fold: how far each table is folded into the counters, in the transaction that counts.
 *
 * Rows are gone through in the order in which they were written, which is that of their rowids. But a rowid is given again
 * when the last rows were removed, and all of them anew by a VACUUM: so the keys of the last rows are kept with it, and the
 * place is behind the last of them that is still there.
 */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'fold',
  about: 'how far each table is folded into the counters',
  pen: { record: 'metrics' },
  keeps: 'one row a source',
};

export type Fold = {
  source: string;
  /** The rowid of the last row that is folded, and of the first of those whose keys are kept. */
  upto: number;
  since: number;
  keys_json: string;
};

export const all: Query<Fold> = { verb: 'fold.all', sql: 'SELECT * FROM fold', args: [] };

/** From where it stood alone (`Fenced`): what two have read is counted once. */
export function move(to: Fold, from: Fold | undefined): Op {
  const { source, upto, since, keys_json } = to;
  return from === undefined
    ? {
        verb: 'fold.begin',
        sql: 'INSERT INTO fold (source, upto, since, keys_json) VALUES (?,?,?,?) ON CONFLICT DO NOTHING',
        args: [source, upto, since, keys_json],
        expect: 1,
      }
    : {
        verb: 'fold.move',
        sql: 'UPDATE fold SET upto = ?, since = ?, keys_json = ? WHERE source = ? AND upto = ? AND keys_json = ?',
        args: [upto, since, keys_json, source, from.upto, from.keys_json],
        expect: 1,
      };
}

/** A table that is folded: when a row is over, and what of it counts. */
export type Source<Row> = {
  table: string;
  /** What names a row for good, and has an index. A number that is given again is no such thing. */
  key: readonly string[];
  /** SQL over the row `t`. What is over once stays so. */
  over: string;
  columns: string;
  /** Never set: carries the type. */
  row?: Row;
};

/** What of a source does not depend on what its rows are. */
export type Where = Pick<Source<unknown>, 'table' | 'key' | 'over' | 'columns'>;

function source<Row>(table: string, key: readonly string[], over: string, columns: string): Source<Row> {
  return { table, key, over, columns };
}

export const calls = source<{
  model: string;
  target: string;
  kind: 'message' | 'batch';
  status: string;
  at: number;
  input: number;
  output: number;
  cache_read: number;
  cache_write: number;
  cost_nanousd: number;
  latency_ms: number | null;
  first_byte_ms: number | null;
}>(
  'call',
  ['id'],
  `t.state <> 'open'`,
  `t.model, coalesce(t.target, t.provider || '/' || t.model) AS target, t.kind, coalesce(t.outcome, '') AS status, t.closed_at AS at,
   coalesce(t.input_tokens, 0) AS input, coalesce(t.output_tokens, 0) AS output,
   coalesce(t.cache_read_tokens, 0) AS cache_read,
   coalesce(t.cache_write_5m_tokens, 0) + coalesce(t.cache_write_1h_tokens, 0) AS cache_write,
   coalesce(t.cost_nanousd, 0) AS cost_nanousd, t.latency_ms, iif(t.stream, t.first_byte_ms, NULL) AS first_byte_ms`,
);

export const messages = source<{ channel: string; state: string; unasked: number; at: number }>(
  'inbound',
  ['source', 'source_key'],
  'true',
  't.channel, t.state, t.unasked, t.received_at AS at',
);

export const turns = source<{ channel: string; outcome: string; at: number; created_at: number }>(
  'turn',
  ['id'],
  `t.state IN ('done', 'dead')`,
  't.channel, t.state AS outcome, coalesce(t.finished_at, t.changed_at) AS at, t.created_at',
);

/** A model may name tools that there are not, and as many as it likes. */
export const toolCalls = source<{ tool: string; status: string; at: number }>(
  'tool_call',
  ['id'],
  `t.state NOT IN ('pending', 'asking', 'running')`,
  `iif(EXISTS (SELECT 1 FROM tool o WHERE o.name = t.tool), t.tool, 'unknown') AS tool, t.state AS status,
   coalesce(t.finished_at, t.created_at) AS at`,
);

export const slots = source<{ outcome: string; at: number }>(
  'slot',
  ['job', 'due_at'],
  `t.state NOT IN ('due', 'started')`,
  't.state AS outcome, coalesce(t.finished_at, t.created_at) AS at',
);

/** What was undone afterwards had been applied. */
export const memoryRuns = source<{ how: string; outcome: string; at: number }>(
  'memory_run',
  ['id'],
  `t.state NOT IN ('planned', 'submitted', 'received')`,
  `t.how, iif(t.state = 'undone', 'applied', t.state) AS outcome, coalesce(t.finished_at, t.created_at) AS at`,
);

export const deliveries = source<{ channel: string; outcome: string; at: number }>(
  'outbound',
  ['key'],
  `t.state IN ('sent', 'dead')`,
  't.channel, t.state AS outcome, coalesce(t.finished_at, t.changed_at) AS at',
);

const keyOf = ({ key }: Where) => `json_array(${key.map((column) => `t.${column}`).join(', ')})`;
const named = ({ key }: Where, by: string) =>
  key.map((column, nth) => `t.${column} = ${by} ->> ${nth}`).join(' AND ');

/** What comes after a place, in the order in which it was written. */
export function after<Row>(
  of: Source<Row>,
  upto: number,
  most: number,
): Query<Row & { row: number; key: string; over: number }> {
  return {
    verb: `fold.after ${of.table}`,
    sql: `SELECT t.rowid AS row, ${keyOf(of)} AS key, (${of.over}) AS over, ${of.columns}
          FROM ${of.table} t WHERE t.rowid > ? ORDER BY t.rowid LIMIT ?`,
    args: [upto, most],
  };
}

/** Those that were going on when they were passed, and are over or gone now. */
export function ended<Row>(of: Source<Row>, most: number): Query<Row & { key: string; gone: number }> {
  return {
    verb: `fold.ended ${of.table}`,
    sql: `SELECT o.key, t.rowid IS NULL AS gone, ${of.columns}
          FROM fold_open o LEFT JOIN ${of.table} t ON ${named(of, 'o.key')}
          WHERE o.source = ? AND (t.rowid IS NULL OR ${of.over}) LIMIT ?`,
    args: [of.table, most],
  };
}

/** Where the last is that is still there of some rows; null: none is. */
export function standing(of: Where, keys_json: string): Query<{ row: number | null }> {
  return {
    verb: `fold.standing ${of.table}`,
    sql: `SELECT max(t.rowid) AS row FROM json_each(?) k CROSS JOIN ${of.table} t ON ${named(of, 'k.value')}`,
    args: [keys_json],
  };
}

/** The last rows up to a place, the last first. */
export function upto(of: Where, place: number, most: number): Query<{ row: number; key: string }> {
  return {
    verb: `fold.upto ${of.table}`,
    sql: `SELECT t.rowid AS row, ${keyOf(of)} AS key FROM ${of.table} t WHERE t.rowid <= ? ORDER BY t.rowid DESC LIMIT ?`,
    args: [place, most],
  };
}
