/** Waits until the services say of themselves that they are ready, in the release that they are meant to be. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '#shared/base/clock.ts';
import { type ServiceName, services } from '#shared/manifest.ts';
import type { Home } from '#shared/runtime/home.ts';
import { readFrom } from '#shared/store/offline.ts';
import { FILE } from '#shared/store/store.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import type { Standing, Supervisor } from './supervisor.ts';

const LOOK_ms = 100;

/** `misconfigured`: it waits for a person, and no other release would help it. */
export type Late = { name: ServiceName; why: string; misconfigured: boolean };

export type Verdict = { ready: ServiceName[]; late: Late[] };

/** What the gate makes of one service: `wait` may yet become `ready`. */
export function opinion(
  beat: heartbeat.Heartbeat | undefined,
  standing: Standing | undefined,
  version: string,
): { is: 'ready' | 'wait' | 'lost'; why: string; misconfigured: boolean } {
  const state = standing?.state ?? 'absent';
  // A row that its process outlived, or another has written since, says nothing of this one.
  const own = beat?.version === version && (state !== 'active' || beat.pid === standing?.pid);
  const misconfigured = own && beat.phase === 'misconfigured';
  const found = `${state}, ${beat ? `${beat.phase} with ${beat.version}` : 'never seen'}`;
  if (own && beat.phase === 'ready' && state === 'active') return { is: 'ready', why: '', misconfigured };
  if (misconfigured && state !== 'active') return { is: 'lost', why: beat.problem ?? found, misconfigured };
  if (state === 'failed' || state === 'absent') return { is: 'lost', why: found, misconfigured };
  return { is: 'wait', why: found, misconfigured };
}

/** Looks until all are ready, one is lost for good, or the time is over. */
export async function gate(of: {
  home: Home;
  supervisor: Supervisor;
  version: string;
  expected: readonly ServiceName[];
  within_ms: number;
}): Promise<Verdict> {
  const deadline = performance.now() + of.within_ms;
  for (;;) {
    const standings = await of.supervisor.standings();
    const beats = readFrom(join(of.home.state, FILE), heartbeat.all);
    const seen = of.expected.map((name) => ({
      name,
      ...opinion(
        beats.find(({ service, worker }) => service === name && worker === 0),
        standings.get(name),
        of.version,
      ),
    }));
    const waits = seen.some(({ is }) => is === 'wait');
    if (!waits || performance.now() > deadline) {
      return {
        ready: seen.filter(({ is }) => is === 'ready').map(({ name }) => name),
        late: seen
          .filter(({ is }) => is !== 'ready')
          .map(({ name, why, misconfigured }) => ({ name, why, misconfigured })),
      };
    }
    await sleep(LOOK_ms);
  }
}

/** Those that the supervisor knows and that have what they need. */
export async function meantToRun(home: Home, supervisor: Supervisor): Promise<ServiceName[]> {
  const standings = await supervisor.standings();
  return services
    .filter(({ name }) => (standings.get(name)?.state ?? 'absent') !== 'absent')
    .filter(({ needs }) => needs === undefined || existsSync(join(home.credentials, `${needs}.env`)))
    .map(({ name }) => name);
}

/** Those that are ready now. */
export async function readyNow(home: Home, supervisor: Supervisor): Promise<ServiceName[]> {
  const standings = await supervisor.standings();
  const ready = readFrom(join(home.state, FILE), heartbeat.all).filter(
    ({ phase, worker }) => phase === 'ready' && worker === 0,
  );
  return services
    .filter(({ name }) =>
      ready.some(({ service, pid }) => service === name && pid === standings.get(name)?.pid),
    )
    .map(({ name }) => name);
}
