/**
 * Takes over what a checkout has kept. The original stays as it is and is switched off, so that two houses never poll
 * with one token. Everything is copied whole or not at all, the store last: what was cut off is ended by the next run.
 */

import { chownSync, existsSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Misconfigured } from '#shared/base/errors.ts';
import { services } from '#shared/manifest.ts';
import { type Home, lockOf } from '#shared/runtime/home.ts';
import { isLocked } from '#shared/store/liveness.ts';
import { takeSnapshot } from '#shared/store/snapshot.ts';
import { FILE } from '#shared/store/store.ts';
import { endSuite, suiteRuns } from './foreground.ts';
import { give, isEmpty, type Owner, putCopy } from './owner.ts';
import type { Place } from './place.ts';
import type { Step } from './step.ts';

/** Made anew by whoever starts. */
const FLEETING = /^(run|bells|restart|failed)$/;

const PROGRESS = 'setup.json';

/** The checkout has been started before, and the place has not. */
export function adoptable(source: Home, place: Place): boolean {
  return existsSync(join(source.state, FILE)) && !existsSync(join(place.home.state, FILE));
}

/** How much there is to take over. */
export function bytesOf(source: Home): number {
  return readdirSync(source.state, { recursive: true, withFileTypes: true })
    .map((entry) => statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** @throws Misconfigured while a service runs on the home that is to be taken over, and nobody may end it */
export function demandQuiet(source: Home, suite: boolean): void {
  const alive = services.map(({ name }) => name).filter((name) => isLocked(lockOf(source, name)));
  const busy = suite ? ['scripts/start'] : alive;
  if (busy.length === 0) return;
  throw new Misconfigured(
    `install: ${busy.join(', ')} still runs on ${source.directory}, which is to be taken over`,
    `end it (Ctrl-C where it runs), then run this again${suite ? '; with --yes this ends it' : ''}`,
  );
}

export function adoption(source: Home, place: Place, owner: Owner): Step[] {
  const { state } = place.home;
  const store = join(state, FILE);
  const kept = readdirSync(source.state).filter((name) => !name.startsWith(FILE) && !FLEETING.test(name));
  const copy = (from: string, to: string): Step => ({
    words: `copy ${from} to ${dirname(to)}`,
    due: () => isEmpty(to) && !isEmpty(from),
    act: () => putCopy(from, to, owner),
  });
  const copies = kept.map((name) => copy(join(source.state, name), join(state, name)));
  // How far its setup has come.
  const progress = copy(join(source.directory, PROGRESS), join(place.home.directory, PROGRESS));
  return [
    {
      words: `end scripts/start, which runs on ${source.directory}`,
      due: () => suiteRuns(source),
      async act() {
        await endSuite(source);
        demandQuiet(source, false);
      },
    },
    {
      words: `switch ${source.directory} off: ${place.prefix} takes it over`,
      due: () => !existsSync(source.stopped),
      act() {
        const { uid, gid } = statSync(source.directory);
        const why = `taken over by the installation in ${place.prefix}`;
        writeFileSync(source.stopped, `${new Date().toISOString()} ${why}\n`);
        chownSync(source.stopped, uid, gid);
      },
    },
    ...copies,
    progress,
    {
      words: `copy the store of ${source.state} to ${state}`,
      due: () => !existsSync(store),
      async act() {
        const part = `${store}.part`;
        rmSync(part, { force: true });
        await takeSnapshot(source.state, part);
        give(part, owner ? 0o660 : 0o600, owner);
        renameSync(part, store);
      },
    },
  ];
}
