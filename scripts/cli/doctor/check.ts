/** A check of the doctor: all facts in, what it found out. It changes nothing. */

import { accessSync, constants, existsSync } from 'node:fs';
import type { Misconfigured } from '#shared/base/errors.ts';
import type { Home } from '#shared/runtime/home.ts';
import type { Store } from '#shared/store/store.ts';
import type { Place } from '../../host/place.ts';

export type Facts = {
  home: Home;
  /** Where it is installed; null: it runs from a checkout. */
  place: Place | null;
  /** The version that should run. */
  version: string;
  now: number;
  /** Null where it cannot be opened; `storeFault` says why, null: nothing was ever started here. */
  store: Store | null;
  storeFault: Misconfigured | null;
  /** Runs a program of the machine; null: there is none of that name. */
  run(program: string, ...args: string[]): Promise<{ code: number; text: string } | null>;
  /** Where the kernel shows its control groups. */
  cgroups: string;
};

export type Finding = {
  /** `unseen`: it could not be looked at. */
  state: 'fine' | 'warning' | 'fault' | 'unseen';
  what: string;
  cure?: string;
};

export type Check = { name: string; run(facts: Facts): Finding | Promise<Finding> };

export const fine = (what: string): Finding => ({ state: 'fine', what });
export const warning = (what: string, cure: string): Finding => ({ state: 'warning', what, cure });
export const fault = (what: string, cure: string): Finding => ({ state: 'fault', what, cure });
export const unseen = (what: string, cure?: string): Finding => ({
  state: 'unseen',
  what,
  ...(cure !== undefined && { cure }),
});

/** What a folder that is closed to us holds seems not to be there. @throws EACCES */
export function enter(folder: string): void {
  if (existsSync(folder)) accessSync(folder, constants.X_OK);
}
