/** What the doctor looks at: this home, or the installation that this command belongs to. */

import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { Misconfigured } from '#shared/base/errors.ts';
import { version } from '#shared/base/root.ts';
import { type Home, homeOf } from '#shared/runtime/home.ts';
import { FILE, openStore, type Store } from '#shared/store/store.ts';
import type { Place } from '../../host/place.ts';
import { placeHere } from '../installed.ts';
import type { Facts } from './check.ts';
import { run } from './program.ts';

export async function gather(): Promise<Facts> {
  const place = placeHere();
  const home = place?.home ?? homeOf();
  return {
    home,
    place,
    version: place ? versionOf(place) : version,
    now: Date.now(),
    ...(await opened(home)),
    run,
    cgroups: '/sys/fs/cgroup',
  };
}

async function opened(home: Home): Promise<{ store: Store | null; storeFault: string | null }> {
  if (!existsSync(join(home.state, FILE))) return { store: null, storeFault: null };
  try {
    return { store: await openStore({ directory: home.state, principal: 'cli' }), storeFault: null };
  } catch (error) {
    if (!(error instanceof Misconfigured)) throw error;
    return { store: null, storeFault: error.message };
  }
}

/** Of the release that is in force. */
function versionOf({ prefix }: Place): string {
  const current = join(prefix, 'current');
  if (!existsSync(current)) return version;
  return String(JSON.parse(readFileSync(join(realpathSync(current), 'package.json'), 'utf8')).version);
}
