/**
 * A backup: a folder `<id>` with `store.db`, the owner's files below `home/`, and `manifest.json`, which says what is in
 * it. It is made as `<id>.part`, checked there, and renamed when it is whole: a folder without `.part` has been restored
 * once already. A file that has not changed since the backup before is a hard link to that one's copy.
 */

import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { link, lstat, mkdir, open, readdir, readFile, readlink, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, messageOf } from '#shared/base/errors.ts';
import { version } from '#shared/base/root.ts';
import type { Home } from '#shared/runtime/home.ts';
import { type Contents, checkSnapshot, takeSnapshot } from '#shared/store/snapshot.ts';
import { idOf, madeAt } from './retention.ts';

export type File = { path: string; bytes: number; mode: number; modified_ms: number; sha256: string };

export type Manifest = {
  id: string;
  /** What it was made for: a job's name, or 'by hand'. */
  job: string;
  /** The release that made it. */
  version: string;
  store: Contents;
  /** `store.db` first. */
  files: File[];
  links: { path: string; target: string }[];
  /** What is in no backup, and why: files that this user may not read. */
  left_out: string[];
};

export const MANIFEST = 'manifest.json';
export const STORE = 'store.db';
/** Below it lies what is not the store. */
export const HOME = 'home';

/** What of a home is in a backup besides its store: where it lies, and its name in the backup. Skills are in the workspace. */
export function partsOf(home: Home): { name: string; path: string }[] {
  return [
    { name: 'config.toml', path: home.config },
    { name: 'persona.md', path: home.persona },
    { name: 'workspace', path: home.workspace },
    { name: 'files', path: home.files },
  ];
}

/** The backups that are whole, oldest first. */
export async function listBackups(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => madeAt(name) !== null).toSorted();
}

/** Removes what a kill has left half made. Whoever calls it is the only one that makes backups. */
export async function removeParts(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (name.endsWith('.part')) await rm(join(directory, name), { recursive: true, force: true });
  }
}

/** @throws Error when it names what lies outside of the backup: whoever restores it may be root */
export async function manifestOf(folder: string): Promise<Manifest> {
  const manifest: Manifest = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8'));
  const links = new Set(manifest.links.map(({ path }) => path));
  for (const { path } of [...manifest.files, ...manifest.links]) {
    demandInside(path);
    for (let way = dirname(path); way !== '.'; way = dirname(way))
      if (links.has(way)) throw new Error(`the backup holds ${JSON.stringify(path)} behind a link`);
  }
  return manifest;
}

/** @throws Error for a name that leads out of the folder that it is in */
export function demandInside(path: string): void {
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..'))
    throw new Error(`the backup holds a file of the name ${JSON.stringify(path)}`);
}

export function bytesOf({ files }: Manifest): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * Makes a backup and checks it. What fails leaves nothing behind.
 * @param deep reads also what has not changed, in its place and in the backup before, and copies anew what differs
 */
export async function makeBackup(
  home: Home,
  of: { job: string; now: number; deep: boolean; signal?: AbortSignal },
): Promise<Manifest> {
  const { backups } = home;
  await mkdir(backups, { recursive: true, mode: 0o700 });
  await removeParts(backups);
  const id = idOf(of.now);
  const part = join(backups, `${id}.part`);
  try {
    await mkdir(part, { mode: 0o700 });
    const store = await takeSnapshot(home.state, join(part, STORE), of.signal);
    const before = await previous(backups);
    const manifest: Manifest = { id, job: of.job, version, store, files: [], links: [], left_out: [] };
    const { size, mtimeMs } = await stat(join(part, STORE));
    const sha256 = await hash(join(part, STORE));
    manifest.files.push({ path: STORE, bytes: size, mode: 0o600, modified_ms: mtimeMs, sha256 });
    const linked = new Set<string>();
    for (const { name, path } of partsOf(home)) {
      await gather({ from: path, path: join(HOME, name), part, manifest, before, linked, ...of });
    }
    await write(join(part, MANIFEST), `${JSON.stringify(manifest)}\n`);
    const wrong = await checkBackup(part, join(part, 'check.db'), linked);
    if (wrong !== null) throw new Error(`the backup does not pass its check: ${wrong}`);
    await flush(part);
    await rename(part, join(backups, id));
    await flush(backups);
    return manifest;
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
}

type Before = { folder: string; files: ReadonlyMap<string, File> };

async function previous(directory: string): Promise<Before | null> {
  const id = (await listBackups(directory)).at(-1);
  if (!id) return null;
  const folder = join(directory, id);
  // One whose manifest is damaged is no help, and no obstacle.
  const manifest = await manifestOf(folder).catch(() => null);
  return manifest && { folder, files: new Map(manifest.files.map((file) => [file.path, file])) };
}

/** Takes a file, or a folder and all that is in it, into the backup. No link is followed. */
async function gather(of: {
  from: string;
  path: string;
  part: string;
  manifest: Manifest;
  before: Before | null;
  linked: Set<string>;
  deep: boolean;
  signal?: AbortSignal;
}): Promise<void> {
  const { from, path, part, manifest, before } = of;
  of.signal?.throwIfAborted();
  try {
    const found = await lstat(from);
    if (found.isSymbolicLink()) manifest.links.push({ path, target: await readlink(from) });
    else if (found.isDirectory()) {
      for (const name of await readdir(from)) {
        await gather({ ...of, from: join(from, name), path: join(path, name) });
      }
    } else if (found.isFile()) {
      const to = join(part, path);
      await mkdir(dirname(to), { recursive: true, mode: 0o700 });
      const old = before?.files.get(path);
      if (before && old && old.bytes === found.size && old.modified_ms === found.mtimeMs) {
        if (await linked(of, join(before.folder, path), old, to)) {
          manifest.files.push(old);
          of.linked.add(path);
          return;
        }
      }
      const { bytes, sha256 } = await copy(from, to);
      const { mode, mtimeMs } = found;
      manifest.files.push({ path, bytes, mode: mode & 0o777, modified_ms: mtimeMs, sha256 });
    }
    // Sockets and the like are nothing to keep.
  } catch (error) {
    // It went while we looked, or became a link.
    if (['ENOENT', 'ELOOP', 'ENOTDIR'].includes(codeOf(error))) return;
    if (!['EACCES', 'EPERM'].includes(codeOf(error))) throw error;
    manifest.left_out.push(`${from}: ${messageOf(error)}`);
  }
}

async function linked(
  of: { from: string; deep: boolean },
  older: string,
  file: File,
  to: string,
): Promise<boolean> {
  try {
    if (of.deep && ((await hash(older)) !== file.sha256 || (await hash(of.from)) !== file.sha256))
      return false;
    await link(older, to);
    return true;
  } catch (error) {
    // Gone from the backup before, or more links than the file system has: it is copied.
    if (['ENOENT', 'EMLINK', 'EPERM', 'ENOTSUP'].includes(codeOf(error))) return false;
    throw error;
  }
}

/** Copies and flushes; what is hashed is what was copied, whatever is written to the original meanwhile. */
async function copy(from: string, to: string): Promise<{ bytes: number; sha256: string }> {
  const source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const target = await open(to, 'wx', 0o600);
    try {
      const digest = createHash('sha256');
      let bytes = 0;
      for await (const chunk of source.createReadStream({ autoClose: false })) {
        digest.update(chunk);
        bytes += chunk.length;
        await target.writeFile(chunk);
      }
      await target.sync();
      return { bytes, sha256: digest.digest('hex') };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function write(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** That a name is in its folder must be on the disk too. */
async function flush(folder: string): Promise<void> {
  const directory = await open(folder, 'r');
  await directory.sync().finally(() => directory.close());
}

export async function hash(path: string): Promise<string> {
  const digest = createHash('sha256');
  for await (const chunk of createReadStream(path)) digest.update(chunk);
  return digest.digest('hex');
}

/**
 * Reads every file of a backup, and restores its store to a scratch place. Null: all is as the manifest says; else the
 * first thing that is not.
 * @param scratch the file that it is restored to meanwhile
 * @param trusted files that need not be read
 */
export async function checkBackup(
  folder: string,
  scratch: string,
  trusted: ReadonlySet<string> = new Set(),
): Promise<string | null> {
  let manifest: Manifest;
  try {
    manifest = await manifestOf(folder);
    if (manifest.files[0]?.path !== STORE) return `${MANIFEST} names no store`;
    for (const { path, sha256 } of manifest.files) {
      if (!trusted.has(path) && (await hash(join(folder, path))) !== sha256) return `${path} has changed`;
    }
  } catch (error) {
    if (codeOf(error) === 'ENOSPC') throw error;
    return messageOf(error);
  }
  const wrong = await checkSnapshot(join(folder, STORE), manifest.store, scratch);
  return wrong === null ? null : `${STORE}: ${wrong}`;
}
