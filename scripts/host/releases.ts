/**
 * The releases on this machine: `<prefix>/releases/<version>`, each whole under its name and never written to
 * afterwards; `current` is the one that runs, `previous` the one to go back to. Whatever is not whole has another name.
 */

import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Misconfigured } from '#shared/base/errors.ts';
import type { Place } from './place.ts';
import { filesOf, MANIFEST, readRelease } from './release.ts';

export type Installed = {
  version: string;
  path: string;
  bytes: number;
  installed_at: number;
  /** The schema of the store that it speaks. */
  schema: number;
};

/** So many stay: what runs, what can be gone back to, and one more. */
const KEPT = 3;
const VERSION = /^\d+\.\d+\.\d+(-[\w.-]+)?$/;

export function pathOf(place: Place, version: string): string {
  return join(place.prefix, 'releases', version);
}

/** Where a release lies until it is whole. */
export function partOf(place: Place): string {
  return pathOf(place, 'incoming.tmp');
}

/** Newest first. */
export function releasesOf(place: Place): Installed[] {
  const folder = join(place.prefix, 'releases');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => VERSION.test(name) && !/\.(tmp|gone)$/.test(name))
    .map((version) => {
      const path = join(folder, version);
      const manifest = statSync(join(path, MANIFEST), { throwIfNoEntry: false });
      const installed_at = Math.round((manifest ?? statSync(path)).ctimeMs);
      return { version, path, installed_at, bytes: bytesIn(path), schema: schemaOf(path) };
    })
    .sort((a, b) => b.installed_at - a.installed_at);
}

/** The version that a link points at; null where there is none. */
export function linked(place: Place, link: 'current' | 'previous'): string | null {
  const path = join(place.prefix, link);
  return lstatSync(path, { throwIfNoEntry: false }) ? basename(readlinkSync(path)) : null;
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

/** The last migration that a release carries. */
export function schemaOf(release: string): number {
  const folder = join(release, 'shared', 'store', 'migrations');
  const files = existsSync(folder) ? readdirSync(folder) : [];
  return Math.max(0, ...files.map((file) => Number.parseInt(file, 10) || 0));
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
