/** What supervises an installation, in words that systemd and launchd have in common. */

import type { ServiceName } from '#shared/manifest.ts';

export type Standing = {
  /** `failed`: it will not be started again by itself for now. `absent`: the supervisor does not know it. */
  state: 'active' | 'starting' | 'stopping' | 'stopped' | 'failed' | 'absent';
  pid: number | null;
  /** How often it was started again since it was first started; null where it does not count. */
  restarts: number | null;
};

/** Each verb returns when it is done, and throws Misconfigured with the supervisor's own words and the cure otherwise. */
export type Supervisor = {
  /**
   * Puts the files of a release's `systemd/` or `launchd/` where the supervisor reads them, removes those of ours that the
   * release no longer has, and has them read. Returns the names of those that changed.
   */
  install(release: string): Promise<string[]>;
  /** The house starts with the machine (or with its user's login) from now on. */
  enable(): Promise<void>;
  disable(): Promise<void>;
  /** Starts what does not run; a service that had failed is given a new chance. */
  start(names?: readonly ServiceName[]): Promise<void>;
  /** Until no process is left. */
  stop(names?: readonly ServiceName[]): Promise<void>;
  /** Each runs what `current` points at afterwards. */
  restart(names?: readonly ServiceName[]): Promise<void>;
  /** Without a chance to drain. Absent where the supervisor does it by itself before long. */
  kill?(names: readonly ServiceName[]): Promise<void>;
  standings(): Promise<Map<ServiceName, Standing>>;
  /** Forgets the house: nothing of ours is left with the supervisor. */
  uninstall(): Promise<void>;
};
