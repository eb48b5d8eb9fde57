/**
 * The releases on this machine: `<prefix>/releases/<version>`, each whole under its name and never written to
 * afterwards; `current` is the one that runs, `previous` the one to go back to. Whatever is not whole has another name.
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  cpSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Misconfigured, messageOf } from '#shared/base/errors.ts';
import type { Place } from './place.ts';

export type Release = {
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
export function partOf(place: Place, version: string): string {
  return `${pathOf(place, version)}.tmp`;
}

/** Newest first. */
export function releasesOf(place: Place): Release[] {
  const folder = join(place.prefix, 'releases');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => VERSION.test(name) && !/\.(tmp|gone)$/.test(name))
    .map((version) => {
      const path = join(folder, version);
      const manifest = statSync(join(path, 'MANIFEST.sha256'), { throwIfNoEntry: false });
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

export function versionIn(release: string): string {
  const file = join(release, 'package.json');
  let version: unknown;
  try {
    version = JSON.parse(readFileSync(file, 'utf8')).version;
  } catch (error) {
    throw new Misconfigured(
      `${release} is no release: ${messageOf(error)}`,
      'give the folder or the tarball of one',
      {
        cause: error,
      },
    );
  }
  if (typeof version === 'string' && VERSION.test(version)) return version;
  throw new Misconfigured(
    `${file}: expected the version of a release, got ${JSON.stringify(version)}`,
    REMAKE,
  );
}

const REMAKE = 'fetch or build that release again; nothing was changed';

/**
 * Every file is there, is what the manifest says, and is on the disk; nothing else is there.
 * @throws Misconfigured with the first that is not
 */
export function verify(release: string): void {
  const wrong = (what: string) => new Misconfigured(`${release} is not whole: ${what}`, REMAKE);
  const manifest = join(release, 'MANIFEST.sha256');
  if (!existsSync(manifest)) throw wrong('there is no MANIFEST.sha256');
  const sums = new Map<string, string>();
  for (const line of readFileSync(manifest, 'utf8').split('\n')) {
    const [, sum, file] = /^([0-9a-f]{64}) [ *](?:\.\/)?(.+)$/.exec(line) ?? [];
    if (sum && file) sums.set(file, sum);
    else if (line !== '') throw wrong(`MANIFEST.sha256 has a line '${line.slice(0, 80)}'`);
  }
  for (const file of filesIn(release)) {
    if (file !== 'MANIFEST.sha256' && !sums.has(file)) throw wrong(`${file} is not in MANIFEST.sha256`);
  }
  for (const [file, sum] of sums) {
    const path = join(release, file);
    if (!existsSync(path)) throw wrong(`${file} is missing`);
    if (sumOf(path) !== sum) throw wrong(`${file} is not what MANIFEST.sha256 says`);
  }
}

/** Its SHA-256; once it is known, a power cut does not take the file back. */
function sumOf(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const sum = createHash('sha256').update(readFileSync(fd)).digest('hex');
    fsyncSync(fd);
    return sum;
  } finally {
    closeSync(fd);
  }
}

/** Puts the release of a folder or a tarball at `part`, closed to changes by others. */
export async function unpack(source: string, part: string): Promise<void> {
  rmSync(part, { recursive: true, force: true });
  if (statSync(source).isDirectory()) {
    cpSync(source, part, { recursive: true, verbatimSymlinks: true });
    return;
  }
  const folder = `${part}.tar.tmp`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  try {
    await promisify(execFile)('tar', ['-xzf', source, '-C', folder, '--no-same-owner']);
    renameSync(innermost(folder), part);
  } catch (error) {
    throw new Misconfigured(`${source} cannot be unpacked: ${messageOf(error).trim()}`, REMAKE, {
      cause: error,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The version of what is to be unpacked. */
export async function versionOf(source: string): Promise<string> {
  if (!existsSync(source)) {
    throw new Misconfigured(`there is no ${source}`, 'give the folder or the tarball of a release');
  }
  if (statSync(source).isDirectory()) return versionIn(source);
  // vigil-<version>-<system>-<processor>.tar.gz
  const [, version] = /^vigil-(.+)-(?:linux|darwin)-\w+\.tar\.gz$/.exec(basename(source)) ?? [];
  if (version && VERSION.test(version)) return version;
  throw new Misconfigured(
    `${source}: expected vigil-<version>-<platform>.tar.gz, or the folder of a release`,
    'give it under the name that it was published by',
  );
}

/** A tarball holds the release itself, or one folder with it. */
function innermost(folder: string): string {
  const [only, ...others] = readdirSync(folder);
  return only && others.length === 0 ? join(folder, only) : folder;
}

export function bytesIn(folder: string): number {
  return filesIn(folder).reduce((sum, file) => sum + lstatSync(join(folder, file)).size, 0);
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) => !lstatSync(join(folder, file)).isDirectory(),
  );
}

/** Removes a release; half removed, it does not pass for one. */
export function discard(path: string): void {
  renameSync(path, `${path}.gone`);
  rmSync(`${path}.gone`, { recursive: true, force: true });
}

/** What is neither whole nor needed any more; gives the versions that it removed. */
export function sweep(place: Place): string[] {
  const folder = join(place.prefix, 'releases');
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (/\.(tmp|gone)$/.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
  }
  const needed = [linked(place, 'current'), linked(place, 'previous')];
  const all = releasesOf(place);
  const spare = all.filter(({ version }) => !needed.includes(version));
  const old = spare.slice(Math.max(0, KEPT - (all.length - spare.length)));
  for (const { path } of old) discard(path);
  return old.map(({ version }) => version);
}

export function flush(folder: string): void {
  const fd = openSync(folder, 'r');
  fsyncSync(fd);
  closeSync(fd);
}

/** What is at `part` becomes the release, whole. */
export function settle(place: Place, version: string): void {
  const path = pathOf(place, version);
  renameSync(partOf(place, version), path);
  flush(dirname(path));
}
