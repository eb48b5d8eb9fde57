/** metric: counters that only grow, over restarts too: folded from the rows of others. */

import type { Query, Table } from './op.ts';

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
