/** presence: whether each service was up, five minutes at a time, for the bars of a day. */

import type { Op, Query, Table } from './op.ts';

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

export const SLOT_ms = 300_000;

export type Look = { service: string; up: boolean; rss_bytes: number; delay_ms: number };

/** One more look at each. */
export function saw(looks: readonly Look[], now: number): Op {
  return {
    verb: 'presence.saw',
    sql: `INSERT INTO presence (service, slot_at, looks, up, rss_bytes, delay_ms)
          SELECT value ->> 0, ?, 1, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true
          ON CONFLICT DO UPDATE SET looks = looks + 1, up = up + excluded.up,
            rss_bytes = max(rss_bytes, excluded.rss_bytes), delay_ms = max(delay_ms, excluded.delay_ms)`,
    args: [
      slotOf(now),
      JSON.stringify(looks.map((of) => [of.service, of.up ? 1 : 0, of.rss_bytes, of.delay_ms])),
    ],
  };
}

/** A write that changes nothing, and that the store must be able to take. */
export function touch(service: string, now: number): Op {
  return {
    verb: 'presence.touch',
    sql: `INSERT INTO presence (service, slot_at, looks, up, rss_bytes, delay_ms) VALUES (?,?,0,0,0,0)
          ON CONFLICT DO UPDATE SET looks = looks`,
    args: [service, slotOf(now)],
  };
}

function slotOf(now: number): number {
  return now - (now % SLOT_ms);
}
