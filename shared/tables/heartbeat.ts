/** heartbeat: one row a process of a service, its sign of life. Proves progress, not only a turning loop. */

import type { Op, Query, Table } from './op.ts';

export const table: Table = {
  name: 'heartbeat',
  about: 'the sign of life of each service',
  pen: { ownRow: 'service' },
  keeps: 'one row a process',
};

export type Phase = 'starting' | 'ready' | 'stopping' | 'stopped' | 'misconfigured';

export type Heartbeat = {
  service: string;
  /** Which of the service's processes: 0, unless it runs as several. */
  worker: number;
  pid: number;
  instance: string;
  boot_id: string;
  version: string;
  phase: Phase;
  /** What it is at, in words, and since when. */
  doing: string;
  since_at: number;
  /** When one of its loops last ended a step, in success or failure. */
  progressed_at: number;
  beat_at: number;
  rss_bytes: number;
  /** The event loop's longest delay since the last beat. */
  loop_delay_ms: number;
  /** What a person should know: the reason it is down or waiting. */
  problem: string | null;
};

export function beat(row: Heartbeat): Op {
  return {
    verb: 'heartbeat.beat',
    sql: `INSERT INTO heartbeat (service, worker, pid, instance, boot_id, version, phase, doing, since_at, progressed_at,
            beat_at, rss_bytes, loop_delay_ms, problem) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)
          ON CONFLICT (service, worker) DO UPDATE SET pid=excluded.pid, instance=excluded.instance, boot_id=excluded.boot_id,
            version=excluded.version, phase=excluded.phase, doing=excluded.doing, since_at=excluded.since_at,
            progressed_at=excluded.progressed_at, beat_at=excluded.beat_at, rss_bytes=excluded.rss_bytes,
            loop_delay_ms=excluded.loop_delay_ms, problem=excluded.problem`,
    args: [
      row.service,
      row.worker,
      row.pid,
      row.instance,
      row.boot_id,
      row.version,
      row.phase,
      row.doing,
      row.since_at,
      row.progressed_at,
      row.beat_at,
      row.rss_bytes,
      row.loop_delay_ms,
      row.problem,
    ],
  };
}

export const all: Query<Heartbeat> = {
  verb: 'heartbeat.all',
  sql: 'SELECT * FROM heartbeat ORDER BY service, worker',
  args: [],
};
