/** total: what the ledger adds up to, hour by hour, kept in the transaction that settles a call. */

import type { Usage } from './call.ts';
import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'total',
  about: 'the ledger summed by hour, model, alias, task, caller and conversation',
  pen: { record: 'router' },
  keeps: { days: 400, since: 'hour_at', key: 'hour_at' },
};

/** What is counted apart. `''` where a call has none. */
export type Dimensions = {
  /** When the local hour began in which the call was opened. */
  hour_at: number;
  model: string;
  alias: string;
  task: string;
  caller: string;
  conversation: string;
};

export const SUMS = [
  'calls',
  'failures',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_5m_tokens',
  'cache_write_1h_tokens',
  'web_searches',
  'cost_nanousd',
  'estimated_nanousd',
] as const;

export type Sums = Record<(typeof SUMS)[number], number>;

const ADD = `ON CONFLICT DO UPDATE SET ${SUMS.map((sum) => `${sum} = ${sum} + excluded.${sum}`).join(', ')}`;
const COLUMNS = `hour_at, model, alias, task, caller, conversation, ${SUMS.join(', ')}`;

export function add(
  at: Dimensions,
  bill: { failed: boolean; usage: Usage; cost_nanousd: number; estimated: boolean },
): Op {
  const { usage } = bill;
  return {
    verb: 'total.add',
    sql: `INSERT INTO total (${COLUMNS}) VALUES (?,?,?,?,?,?,1,?,?,?,?,?,?,?,?,?) ${ADD}`,
    args: [
      at.hour_at,
      at.model,
      at.alias,
      at.task,
      at.caller,
      at.conversation,
      bill.failed ? 1 : 0,
      usage.input_tokens,
      usage.output_tokens,
      usage.cache_read_tokens,
      usage.cache_write_5m_tokens,
      usage.cache_write_1h_tokens,
      usage.web_searches,
      bill.cost_nanousd,
      bill.estimated ? bill.cost_nanousd : 0,
    ],
  };
}

/** What dead routers leave behind is spent in the present hour. Before `call.abandon`, in its unit. */
export function abandon(worker: number, owner: string, hour_at: number): Op {
  return {
    verb: 'total.abandon',
    sql: `INSERT INTO total (${COLUMNS})
          SELECT ?, model, coalesce(alias, ''), coalesce(task, ''), caller, coalesce(conversation, ''),
            count(*), count(*), 0, 0, 0, 0, 0, 0, sum(coalesce(hold_nanousd, 0)), sum(coalesce(hold_nanousd, 0))
          FROM call WHERE state = 'open' AND worker = ? AND owner <> ? AND kind = 'message' GROUP BY 2, 3, 4, 5, 6 ${ADD}`,
    args: [hour_at, worker, owner],
  };
}

/** By what a report can be broken down, and the column that says it. */
const COLUMN = {
  model: 'model',
  alias: 'alias',
  task: 'task',
  key: 'caller',
  conversation: 'conversation',
  hour: 'hour_at',
} as const;

export type By = keyof typeof COLUMN;

/** The sums of the hours from `from_at` on and before `to_at`, by one dimension. */
export function by<What extends By>(
  what: What,
  from_at: number,
  to_at: number,
): Query<Sums & { name: Dimensions[(typeof COLUMN)[What]] }> {
  return {
    verb: 'total.by',
    sql: `SELECT ${COLUMN[what]} AS name, ${SUMS.map((sum) => `sum(${sum}) AS ${sum}`).join(', ')}
          FROM total WHERE hour_at >= ? AND hour_at < ? GROUP BY 1 ORDER BY 1`,
    args: [from_at, to_at],
  };
}

/** What each model has used, hour by hour; what makes vectors answers nothing. */
export type Hour = Pick<Dimensions, 'hour_at' | 'model'> & {
  /** Calls that brought an answer. */
  calls: number;
  tokens: number;
  cost_nanousd: number;
};

export function hours(from_at: number, to_at: number): Query<Hour> {
  return {
    verb: 'total.hours',
    sql: `SELECT hour_at, model, sum(CASE task WHEN 'embedding' THEN 0 ELSE calls - failures END) AS calls,
            sum(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens) AS tokens,
            sum(cost_nanousd) AS cost_nanousd
          FROM total WHERE hour_at >= ? AND hour_at < ? GROUP BY hour_at, model`,
    args: [from_at, to_at],
    long: true,
  };
}

/** When something was first used. */
export const first: Query<{ hour_at: number | null }> = {
  verb: 'total.first',
  sql: 'SELECT min(hour_at) AS hour_at FROM total',
  args: [],
};

/** What a conversation has cost since `from_at`. */
export function ofConversation(
  conversation: string,
  from_at: number,
): Query<{ cost_nanousd: number | null }> {
  return {
    verb: 'total.ofConversation',
    sql: 'SELECT sum(cost_nanousd) AS cost_nanousd FROM total WHERE hour_at >= ? AND conversation = ?',
    args: [from_at, conversation],
  };
}
