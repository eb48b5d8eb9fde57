/** The three ways in which Vigil is installed, and where each puts its things. */

import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Home, homeOf, SYSTEM } from '#shared/runtime/home.ts';

/**
 * `system`: Linux, for the machine, a user for each service. `user`: Linux, for one user, by their own systemd. `mac`:
 * LaunchAgents of one user.
 */
export type Profile = 'system' | 'user' | 'mac';

export type Place = {
  profile: Profile;
  /** Holds `releases/<version>`, and the links `current` and `previous` to two of them. */
  prefix: string;
  home: Home;
  /** Where the unit files or property lists go. */
  units: string;
  /** The command `vigil`: a link to the current release's. */
  command: string;
};

/** @param user the home directory of whoever it is installed for, where that is one user */
export function placeOf(profile: Profile, user: string = homedir()): Place {
  const prefix = profile === 'system' ? SYSTEM.prefix : join(user, '.vigil');
  return {
    profile,
    prefix,
    // A release's home is where the release lies; which one it is does not matter.
    home: homeOf({}, join(prefix, 'releases', 'any')),
    units: {
      system: '/etc/systemd/system',
      user: join(user, '.config', 'systemd', 'user'),
      mac: join(user, 'Library', 'LaunchAgents'),
    }[profile],
    command: profile === 'system' ? '/usr/local/bin/vigil' : join(user, '.local', 'bin', 'vigil'),
  };
}
