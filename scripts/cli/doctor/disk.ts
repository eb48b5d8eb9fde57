/** Room, and who takes it. */

import { existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Check, enter, fault, fine, unseen, warning } from './check.ts';

const GB = 1e9;
/** The store, its log and a backup of it must fit in any case. */
const FULL_bytes = 0.3 * GB;
const TIGHT_bytes = 2 * GB;
const WORKSPACE_bytes = 10 * GB;
const HOUR_ms = 3_600_000;
/** Hourly backups: one may be missing. */
const BACKUP_h = 3;

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

/** By the folders themselves, which are there when the store is not. Each is named for its time, UTC. */
export const backup: Check = {
  name: 'backup',
  run({ home, now, place }) {
    enter(home.state);
    const folder = join(home.state, 'backups');
    const times = (existsSync(folder) ? readdirSync(folder) : []).flatMap((name) => {
      const [, day, h, m, s] = /^(\d{4}-\d\d-\d\d)T(\d\d)(\d\d)(\d\d\.\d{3})Z$/.exec(name) ?? [];
      const at = Date.parse(`${day}T${h}:${m}:${s}Z`);
      return Number.isNaN(at) ? [] : [at];
    });
    const cure = 'vigil backup now, and see what vigil status says of the service backup';
    if (times.length === 0) {
      const made_at = statSync(home.logs, { throwIfNoEntry: false })?.birthtimeMs ?? now;
      const due = place && now - made_at > BACKUP_h * HOUR_ms;
      return (due ? fault : warning)('there is none yet', cure);
    }
    const hours = (now - Math.max(...times)) / HOUR_ms;
    const told = `the newest is ${hours < 1 ? 'less than an hour' : `${Math.floor(hours)} h`} old, of ${times.length}`;
    return hours <= BACKUP_h ? fine(told) : (place ? fault : warning)(told, cure);
  },
};
