/**
 * The second switch: a file that every unit and every service refuses to start beside, and the end of all that runs. It
 * outlives reboots, and nothing but a person at a shell takes it away.
 */

import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, Misconfigured, messageOf } from '#shared/base/errors.ts';
import { services } from '#shared/manifest.ts';
import { type Home, lockOf } from '#shared/runtime/home.ts';
import { linked } from '#shared/runtime/releases.ts';
import { isLocked } from '#shared/store/liveness.ts';
import { gate, meantToRun, type Verdict } from './gate.ts';
import { insist } from './insist.ts';
import type { Place } from './place.ts';
import { flush } from './releases.ts';
import type { Supervisor } from './supervisor.ts';

/** @returns what is still alive, in words; nothing when all is off */
export async function switchOff(place: Place, supervisor: Supervisor, why: string): Promise<string[]> {
  // First the file: what the supervisor starts again meanwhile refuses by itself.
  forbid(place.home, why);
  if (place.profile === 'mac') await supervisor.disable();
  await insist({ home: place.home, supervisor }, supervisor.stop());
  const standings = await supervisor.standings();
  const processes = [...standings].flatMap(([name, { pid }]) => (pid === null ? [] : [`${name} (${pid})`]));
  return processes.length > 0 ? processes : alive(place.home);
}

/** @returns who is ready; those that have nothing to do without a secret are not waited for */
export async function switchOn(place: Place, supervisor: Supervisor, within_ms = 20_000): Promise<Verdict> {
  rmSync(place.home.stopped, { force: true });
  if (place.profile === 'mac') await supervisor.enable();
  const expected = await meantToRun(place.home, supervisor);
  let failure: unknown;
  await supervisor.start().catch((error) => {
    failure = error; // a service that is misconfigured is one: the gate tells which
  });
  const version = linked(place, 'current') ?? '';
  const verdict = await gate({ home: place.home, supervisor, version, expected, within_ms });
  if (failure !== undefined && verdict.late.length === 0 && verdict.ready.length === 0) throw failure;
  return verdict;
}

/** Writes the file that says no. */
export function forbid(home: Home, why: string): void {
  try {
    mkdirSync(dirname(home.stopped), { recursive: true });
    if (!existsSync(home.stopped)) {
      writeFileSync(home.stopped, `${new Date().toISOString()} ${why}\n`, { mode: 0o644 });
    }
    flush(home.stopped);
    flush(dirname(home.stopped));
  } catch (error) {
    if (!/^(EACCES|EPERM|EROFS)$/.test(codeOf(error))) throw error;
    throw new Misconfigured(
      `off: ${home.stopped} cannot be made (${messageOf(error)})`,
      'do it as the user that Vigil runs as',
      { cause: error },
    );
  }
}

/** The services that hold their lock: only the living do. */
export function alive(home: Home): string[] {
  return services.filter(({ name }) => isLocked(lockOf(home, name))).map(({ name }) => name);
}
