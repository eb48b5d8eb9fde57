/** What the doctor looks at: this home, or the installation that this command belongs to. */

import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { Misconfigured, messageOf } from '#shared/base/errors.ts';
import { version } from '#shared/base/root.ts';
import { type Home, homeOf } from '#shared/runtime/home.ts';
import { FILE, openStore } from '#shared/store/store.ts';
import type { Place } from '../../host/place.ts';
import { placeHere } from '../installed.ts';
import { enter, type Facts } from './check.ts';
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

async function opened({ state }: Home): Promise<Pick<Facts, 'store' | 'storeFault'>> {
  try {
    enter(state);
    const there = existsSync(join(state, FILE));
    const store = there ? await openStore({ directory: state, principal: 'cli' }) : null;
    return { store, storeFault: null };
  } catch (error) {
    const what = `store: ${state} is closed to this user (${messageOf(error)})`;
    const shut = new Misconfigured(what, 'look as root', { cause: error });
    return { store: null, storeFault: error instanceof Misconfigured ? error : shut };
  }
}

/** Of the release that is in force. */
function versionOf({ prefix }: Place): string {
  const current = join(prefix, 'current');
  if (!existsSync(current)) return version;
  return String(JSON.parse(readFileSync(join(realpathSync(current), 'package.json'), 'utf8')).version);
}
