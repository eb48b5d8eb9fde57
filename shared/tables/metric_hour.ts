/** metric_hour: what each counter grew by in each hour of local time, by when the counted thing ended. */

import type { Op, Query, Table } from './op.ts';

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

/** What each counter grows by in each hour. */
export function add(growth: readonly Hour[]): Op {
  return {
    verb: 'metric_hour.add',
    sql: `INSERT INTO metric_hour (hour_at, name, labels, value)
          SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true
          ON CONFLICT DO UPDATE SET value = value + excluded.value`,
    args: [JSON.stringify(growth.map(({ hour_at, name, labels, value }) => [hour_at, name, labels, value]))],
  };
}
