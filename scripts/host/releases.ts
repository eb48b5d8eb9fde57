/** Putting releases where they belong, pointing at one, and removing those that nobody needs (see shared/runtime/releases.ts). */

import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Misconfigured } from '#shared/base/errors.ts';
import { linked, releasesOf } from '#shared/runtime/releases.ts';
import type { Place } from './place.ts';
import { filesOf, readRelease } from './release.ts';

/** So many stay: what runs, what can be gone back to, and one more. */
const KEPT = 3;

export function pathOf(place: Place, version: string): string {
  return join(place.prefix, 'releases', version);
}

/** Where a release lies until it is whole. */
export function partOf(place: Place): string {
  return pathOf(place, 'incoming.tmp');
}

/** Points the link at a release in one step: there is never a moment without it. */
export function point(place: Place, link: 'current' | 'previous', version: string | null): void {
  if (linked(place, link) === version) return;
  const path = join(place.prefix, link);
  if (version === null) {
    rmSync(path, { force: true });
    return;
  }
  const next = `${path}.next`;
  rmSync(next, { force: true });
  symlinkSync(join('releases', version), next);
  renameSync(next, path);
  flush(place.prefix);
}

export function bytesIn(folder: string): number {
  return filesOf(folder).reduce((sum, file) => sum + lstatSync(join(folder, file)).size, 0);
}

/** Removes a release; half removed, it does not pass for one. */
function discard(path: string): void {
  renameSync(path, `${path}.gone`);
  rmSync(`${path}.gone`, { recursive: true, force: true });
}

/** Removes what is not whole. */
export function tidy(place: Place): void {
  const folder = join(place.prefix, 'releases');
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (/\.(tmp|gone)$/.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** Removes the oldest that nobody needs any more; gives their versions. */
export function sweep(place: Place): string[] {
  tidy(place);
  const needed = [linked(place, 'current'), linked(place, 'previous')];
  const all = releasesOf(place);
  const spare = all.filter(({ version }) => !needed.includes(version));
  const old = spare.slice(Math.max(0, KEPT - (all.length - spare.length)));
  for (const { path } of old) discard(path);
  return old.map(({ version }) => version);
}

/** What is at the part becomes the release, whole and on the disk. One of that name that is whole stays as it is. */
export function settle(place: Place, version: string): void {
  const part = partOf(place);
  const path = pathOf(place, version);
  if (isWhole(path)) {
    rmSync(part, { recursive: true, force: true });
    return;
  }
  if (existsSync(path)) discard(path);
  for (const file of filesOf(part)) flush(join(part, file));
  renameSync(part, path);
  flush(dirname(path));
}

export function isWhole(release: string): boolean {
  try {
    readRelease(release);
    return true;
  } catch (error) {
    if (error instanceof Misconfigured) return false;
    throw error;
  }
}

/** From here on a power cut does not take it back. */
export function flush(path: string): void {
  const fd = openSync(path, 'r');
  fsyncSync(fd);
  closeSync(fd);
}
