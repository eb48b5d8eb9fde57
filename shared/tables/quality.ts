/** quality: how good the answers were, day by day and model by model; `''` is all models. */

import type { Query, Table } from './op.ts';

export const table: Table = {
  name: 'quality',
  about: 'how good the answers were, day by day and model by model',
  pen: { record: 'metrics' },
  keeps: { days: 400, since: 'day_at', key: 'day_at' },
};

export type Quality = { day_at: number; model: string; name: string; value: number };

export function between(from_at: number, to_at: number): Query<Quality> {
  return {
    verb: 'quality.between',
    sql: 'SELECT * FROM quality WHERE day_at >= ? AND day_at < ? ORDER BY day_at, model, name',
    args: [from_at, to_at],
  };
}
