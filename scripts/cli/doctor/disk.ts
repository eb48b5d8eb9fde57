/** Room, and who takes it. */

import { existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FILE } from '#shared/store/store.ts';
import { listBackups } from '../../../services/backup/folder.ts';
import { madeAt } from '../../../services/backup/retention.ts';
import { type Check, enter, fault, fine, unseen, warning } from './check.ts';

const GB = 1e9;
/** The store, its log and a backup of it must fit in any case. */
const FULL_bytes = 0.3 * GB;
const TIGHT_bytes = 2 * GB;
const WORKSPACE_bytes = 10 * GB;
const HOUR_ms = 3_600_000;
/** Hourly backups: one may be missing. */
const BACKUP_h = 3;
const FIRST_h = 2;

export const disk: Check = {
  name: 'disk',
  run({ home }) {
    if (!existsSync(home.state)) return unseen('nothing was started here yet');
    const { bavail, bsize } = statfsSync(home.state);
    return room(bavail * bsize, home.state);
  },
};

export function room(free_bytes: number, where: string) {
  const free = `${(free_bytes / GB).toFixed(1)} GB free at ${where}`;
  if (free_bytes >= TIGHT_bytes) return fine(free);
  const cure = `make room on the disk of ${where}`;
  return free_bytes < FULL_bytes ? fault(free, cure) : warning(free, cure);
}

export const workspace: Check = {
  name: 'workspace',
  run({ home }) {
    enter(home.state);
    return size(sizeOf(home.workspace), home.workspace);
  },
};

export function size(bytes: number, where: string) {
  const taken = `${(bytes / GB).toFixed(1)} GB in ${where}`;
  return bytes <= WORKSPACE_bytes ? fine(taken) : warning(taken, `see what is not needed: du -sh ${where}/*`);
}

function sizeOf(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce(
      (sum, entry) =>
        sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
}

/** By the folders themselves, which are there when the store is not. */
export const backup: Check = {
  name: 'backup',
  async run({ home, now, place }) {
    enter(home.state);
    const bad = place ? fault : warning;
    const cure = 'vigil backup now, and see what vigil status says of the service backup';
    const ids = await listBackups(home.backups);
    const newest = madeAt(ids.at(-1) ?? '');
    if (newest === null) {
      // Its store is as old as the installation.
      const began = statSync(join(home.state, FILE), { throwIfNoEntry: false })?.birthtimeMs ?? 0;
      return now - began <= FIRST_h * HOUR_ms
        ? fine('not yet: the first one is made within the hour')
        : bad('there is none yet', cure);
    }
    const hours = (now - newest) / HOUR_ms;
    const told = `the newest is ${hours < 1 ? 'less than an hour' : `${Math.floor(hours)} h`} old, of ${ids.length}`;
    return hours <= BACKUP_h ? fine(told) : bad(told, cure);
  },
};
