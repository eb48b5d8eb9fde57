/** metric: counters that only grow, over restarts too: folded from the rows of others. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'metric',
  about: 'what is counted, ever growing',
  pen: { record: 'metrics' },
  keeps: 'as long as the house stands',
};

export type Metric = {
  /** The family: `agent_requests_total`. */
  name: string;
  /** JSON, its keys in the family's order. */
  labels: string;
  value: number;
};

export const all: Query<Metric> = {
  verb: 'metric.all',
  sql: 'SELECT name, labels, value FROM metric ORDER BY name, labels',
  args: [],
};

/** The values that a label of a family has. */
export function labelsOf(name: string, label: string): Query<{ value: string }> {
  return {
    verb: 'metric.labelsOf',
    sql: `SELECT DISTINCT json_extract(labels, '$.' || json_quote(?)) AS value FROM metric WHERE name = ? ORDER BY 1`,
    args: [label, name],
  };
}

export function family(name: string): Query<Metric> {
  return {
    verb: 'metric.family',
    sql: 'SELECT name, labels, value FROM metric WHERE name = ? ORDER BY labels',
    args: [name],
  };
}

/** What each counter grows by. One may be there several times. */
export function add(growth: readonly Metric[]): Op {
  return {
    verb: 'metric.add',
    sql: `INSERT INTO metric (name, labels, value) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) WHERE true
          ON CONFLICT DO UPDATE SET value = value + excluded.value`,
    args: [JSON.stringify(growth.map(({ name, labels, value }) => [name, labels, value]))],
  };
}
