/** Which installation a command belongs to, and who supervises it. */

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { root } from '#shared/base/root.ts';
import { onMac } from '#shared/runtime/launchctl.ts';
import { launchdOf } from './launchd.ts';
import { type Place, placeOf } from './place.ts';
import type { Supervisor } from './supervisor.ts';
import { systemdOf } from './systemd.ts';

/**
 * The installation that this command is part of, by where its release lies. A command of a checkout looks for one that
 * is installed: the machine's first, then its user's.
 * @param from the release's folder
 */
export function installedPlace(from: string = root, user: string = homedir()): Place | null {
  const [own, machine] = placesOf(from, user);
  if (basename(dirname(from)) === 'releases') {
    const prefix = dirname(dirname(from));
    return [machine, own].find((place) => place?.prefix === prefix) ?? null;
  }
  return [machine, own].find((place) => place && existsSync(join(place.prefix, 'current'))) ?? null;
}

/** The place of one user, and of the machine, where there can be one. A release of a user says which user. */
function placesOf(from: string, user: string): [Place, Place?] {
  const prefix = dirname(dirname(from));
  const home =
    basename(dirname(from)) === 'releases' && basename(prefix) === '.vigil' ? dirname(prefix) : user;
  if (onMac) return [placeOf('mac', home)];
  return [placeOf('user', home), placeOf('system')];
}

export function supervisorOf(place: Place): Supervisor {
  return place.profile === 'mac' ? launchdOf(place) : systemdOf(place);
}
