/** Which installation a verb is for. */

import { resolve } from 'node:path';
import { Misconfigured } from '#shared/base/errors.ts';
import { installedPlace, supervisorOf } from '../host/host.ts';
import { demandRoot } from '../host/permit.ts';
import type { Place } from '../host/place.ts';
import type { Supervisor } from '../host/supervisor.ts';

export type Installed = { place: Place; supervisor: Supervisor };

/** Null in a checkout beside which nothing is installed, or when VIGIL_HOME names another home. */
export function installed(): Installed | null {
  const place = installedPlace();
  const { VIGIL_HOME } = process.env;
  if (!place || (VIGIL_HOME && resolve(VIGIL_HOME) !== place.home.directory)) return null;
  return { place, supervisor: supervisorOf(place) };
}

/** @throws Misconfigured in a checkout, with what to do there instead */
export function demandInstalled(verb: string, instead: string): Installed {
  const found = installed();
  if (found) return found;
  throw new Misconfigured(`vigil ${verb}: this is a checkout, and nothing is installed here`, instead);
}

/** @throws NotPermitted when only root may change this installation */
export function demandRights({ place }: Installed, what: string): void {
  if (place.profile === 'system') demandRoot(what);
}

/** Prints each step with the time since the first. */
export function stopwatch(): (line: string) => void {
  const began = performance.now();
  return (line) => {
    const s = ((performance.now() - began) / 1000).toFixed(2);
    process.stdout.write(`${s.padStart(7)} s  ${line}\n`);
  };
}

/** `0.68 s`, since a moment of performance.now(). */
export function since(began: number): string {
  return `${((performance.now() - began) / 1000).toFixed(2)} s`;
}
