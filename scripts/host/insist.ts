/**
 * Waiting for a supervisor that ends processes. A service that drains says so in its heartbeat, and has its unit's time
 * for it; one that says nothing hangs, and is killed instead of waited for.
 */

import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceName } from '#shared/manifest.ts';
import type { Home } from '#shared/runtime/home.ts';
import { readFrom } from '#shared/store/offline.ts';
import { FILE } from '#shared/store/store.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import type { Standing, Supervisor } from './supervisor.ts';

const LOOK_ms = 250;
/** A heartbeat is one commit: nobody who hears is later than that. */
const DEAF_ms = 2000;

/** Those that shall end and have not said that they do. */
export function deaf(
  standings: ReadonlyMap<ServiceName, Standing>,
  beats: readonly Pick<heartbeat.Heartbeat, 'service' | 'worker' | 'pid' | 'phase'>[],
): ServiceName[] {
  const hears = (name: ServiceName, pid: number | null) =>
    beats.some(
      (beat) =>
        beat.service === name &&
        beat.pid === pid &&
        beat.worker === 0 &&
        /^(stopping|stopped|misconfigured)$/.test(beat.phase),
    );
  return [...standings]
    .filter(([name, { state, pid }]) => state === 'stopping' && pid !== null && !hears(name, pid))
    .map(([name]) => name);
}

/**
 * @param work what the supervisor is at: a stop, or a restart
 * @param start_ms how long it waits for the starts, from when nobody has to end any more
 * @returns false when it waits no longer
 */
export async function insist(
  { home, supervisor }: { home: Home; supervisor: Supervisor },
  work: Promise<void>,
  start_ms = Number.POSITIVE_INFINITY,
): Promise<boolean> {
  const began = performance.now();
  let over = false;
  const settled = work
    .catch(() => {})
    .finally(() => {
      over = true;
    });
  for (let deadline = Number.POSITIVE_INFINITY; performance.now() < deadline; ) {
    await Promise.race([settled, pause(LOOK_ms, undefined, { ref: false })]);
    if (over) {
      await work;
      return true;
    }
    const standings = await supervisor.standings();
    const ending = [...standings.values()].some(({ state }) => state === 'stopping');
    if (!ending) deadline = Math.min(deadline, performance.now() + start_ms);
    else if (performance.now() - began > DEAF_ms) {
      const lost = deaf(standings, readFrom(join(home.state, FILE), heartbeat.all));
      if (lost.length > 0) await supervisor.kill?.(lost);
    }
  }
  return false;
}
