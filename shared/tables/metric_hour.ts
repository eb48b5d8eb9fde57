/** metric_hour: what each counter grew by in each hour of local time, by when the counted thing ended. */

import type { Query, Table } from './op.ts';

export const table: Table = {
  name: 'metric_hour',
  about: 'the same, hour by hour',
  pen: { record: 'metrics' },
  keeps: { days: 400, since: 'hour_at', key: 'hour_at' },
};

export type Hour = { hour_at: number; name: string; labels: string; value: number };

/** What some families came to in each hour from `from_at` on and before `to_at`. */
export function between(names: readonly string[], from_at: number, to_at: number): Query<Hour> {
  return {
    verb: 'metric_hour.between',
    sql: `SELECT hour_at, name, labels, value FROM metric_hour WHERE hour_at >= ? AND hour_at < ?
            AND name IN (SELECT value FROM json_each(?)) ORDER BY hour_at, name, labels`,
    args: [from_at, to_at, JSON.stringify(names)],
  };
}
