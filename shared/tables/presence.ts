/** presence: whether each service was up, five minutes at a time, for the bars of a day. */

import type { Query, Table } from './op.ts';

export const table: Table = {
  name: 'presence',
  about: 'whether each service was up, five minutes at a time',
  pen: { record: 'metrics' },
  keeps: { days: 8, since: 'slot_at', key: 'slot_at' },
};

export type Presence = {
  service: string;
  /** When its five minutes began. */
  slot_at: number;
  looks: number;
  /** How many of the looks found it up. */
  up: number;
  /** The most that was seen. */
  rss_bytes: number;
  delay_ms: number;
};

export function since(from_at: number): Query<Presence> {
  return {
    verb: 'presence.since',
    sql: 'SELECT * FROM presence WHERE slot_at >= ? ORDER BY service, slot_at',
    args: [from_at],
  };
}
