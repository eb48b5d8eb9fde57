/**
 * The way back: a backup becomes a home again. Checked first, then put in place; what was there stays beside it, under
 * its name and `.before-<time>`. Nobody else may be alive in that home, from the first look to the last step.
 */

import { chmodSync, chownSync, existsSync, renameSync, statSync } from 'node:fs';
import {
  chmod,
  copyFile,
  lchown,
  lstat,
  mkdir,
  readdir,
  rename,
  rm,
  symlink,
  utimes,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Misconfigured } from '#shared/base/errors.ts';
import { eraseRows, strikeWords } from '#shared/forget/erasing.ts';
import { leftBy, plan } from '#shared/forget/plan.ts';
import { openTombstones, returned, settle } from '#shared/forget/tombstones.ts';
import { services } from '#shared/manifest.ts';
import { type Home, lockOf } from '#shared/runtime/home.ts';
import { type Lock, tryLock } from '#shared/store/liveness.ts';
import { latest } from '#shared/store/migrate.ts';
import { rewrite } from '#shared/store/remains.ts';
import { foldLog, putBack } from '#shared/store/snapshot.ts';
import { FILE, openStore } from '#shared/store/store.ts';
import { checkBackup, HOME, type Manifest, manifestOf, partsOf, STORE } from './folder.ts';
import { idOf } from './retention.ts';

/**
 * Restores the backup in `folder` into `home`. Says what was put aside, each as it is called now.
 * @throws Misconfigured when a service is alive there, or when the backup does not pass its check
 */
export async function restore(folder: string, home: Home, now: number): Promise<string[]> {
  await mkdir(home.state, { recursive: true, mode: 0o700 });
  const locks = lockAll(home);
  try {
    const wrong = await checkBackup(folder, join(home.state, 'check.part'));
    if (wrong !== null) {
      throw new Misconfigured(
        `backup: ${folder} is damaged: ${wrong}`,
        'restore another one (vigil backup list)',
      );
    }
    const manifest = await manifestOf(folder);
    const part = join(home.state, 'restore.part');
    await rm(part, { recursive: true, force: true });
    try {
      await copyOut(folder, manifest, part);
      await forgetAgain(home, manifest, part);
      return await putInPlace(manifest, home, part, `.before-${idOf(now)}`);
    } finally {
      await rm(part, { recursive: true, force: true });
    }
  } finally {
    for (const lock of locks) lock.release();
  }
}

function lockAll(home: Home): Lock[] {
  const locks: Lock[] = [];
  for (const { name } of services) {
    const file = lockOf(home, name);
    const fresh = [dirname(file), file].filter((path) => !existsSync(path));
    const lock = tryLock(file);
    // One that root makes here must be the service's own to take afterwards.
    for (const path of fresh) ownLock(path, home);
    if (lock) locks.push(lock);
    else {
      for (const held of locks) held.release();
      throw new Misconfigured(`restore: ${name} is running on ${home.state}`, 'stop Vigil first');
    }
  }
  return locks;
}

function ownLock(path: string, home: Home): void {
  const { uid, gid, mode } = statSync(home.state);
  if (process.getuid?.() === 0) chownSync(path, uid, gid);
  chmodSync(path, statSync(path).isDirectory() ? mode & 0o7777 : mode & 0o660);
}

/** Everything lies on the disk of the state before anything is moved: no step afterwards needs room. */
async function copyOut(folder: string, manifest: Manifest, part: string): Promise<void> {
  for (const { path, mode, modified_ms } of manifest.files) {
    const to = join(part, path);
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    await copyFile(join(folder, path), to);
    await chmod(to, mode);
    await utimes(to, modified_ms / 1000, modified_ms / 1000);
  }
  for (const { path, target } of manifest.links) {
    await mkdir(dirname(join(part, path)), { recursive: true, mode: 0o700 });
    await symlink(target, join(part, path));
  }
}

/** What was forgotten after this backup was made is forgotten in it again, before anybody reads it. */
async function forgetAgain(home: Home, manifest: Manifest, part: string): Promise<void> {
  const stones = openTombstones(home.state);
  // One that a newer release made is refused further on, in better words.
  if (stones.written().length === 0 || manifest.store.schema > latest()) return;
  const directory = join(part, 'opened');
  await mkdir(directory, { mode: 0o700 });
  await rename(join(part, STORE), join(directory, FILE));
  const store = await openStore({ directory, principal: 'memory' });
  try {
    const back = await returned(store.read, stones);
    if (back) {
      const it = await plan(store.read, back);
      await eraseRows(store, it.gone, it.said);
      await strikeWords(store, it.phrases, it.since_at);
      const folders = { files: join(part, HOME, 'files'), workspace: join(part, HOME, 'workspace') };
      for (const path of leftBy(it, folders)) await rm(path, { recursive: true, force: true });
    }
    await settle(store, stones);
  } finally {
    await store.close();
  }
  rewrite(join(directory, FILE));
  await rename(join(directory, FILE), join(part, STORE));
  await rm(directory, { recursive: true });
}

async function putInPlace(manifest: Manifest, home: Home, part: string, suffix: string): Promise<string[]> {
  const kept: string[] = [];
  const file = join(home.state, FILE);
  try {
    foldLog(home.state);
  } catch {
    // It is damaged, or not there: its log, if any, is put aside with it.
  }
  const shared = (statSync(home.state).mode & 0o020) !== 0;
  for (const { name, path } of partsOf(home)) {
    const from = join(part, HOME, name);
    if (!existsSync(from)) continue;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if (existsSync(path)) {
      await own(from, path, shared);
      if (path === home.config) await chmod(from, statSync(path).mode & 0o777);
      renameSync(path, `${path}${suffix}`);
      kept.push(`${path}${suffix}`);
    } else await own(from, dirname(path), shared);
    await rename(from, path);
  }
  await own(join(part, STORE), existsSync(file) ? file : home.state, shared);
  if (existsSync(file)) kept.push(`${file}${suffix}`);
  putBack(home.state, join(part, STORE), manifest.store, `${file}${suffix}`);
  return kept;
}

/**
 * Whoever restores may be root: what is put in place belongs to whom its forerunner belonged, and is as open as that was.
 * Where a group shares the state, it may do there what the owner may, whoever made the backup.
 */
async function own(path: string, as: string, shared: boolean): Promise<void> {
  const { uid, gid, mode } = statSync(as);
  if (process.getuid?.() === 0) await lchown(path, uid, gid);
  const found = await lstat(path);
  if (found.isSymbolicLink()) return;
  if (!found.isDirectory()) {
    if (shared) await chmod(path, (found.mode & 0o700) | ((found.mode & 0o700) >> 3));
    return;
  }
  for (const name of await readdir(path)) await own(join(path, name), as, shared);
  // After what is in it, and after the change of owner, which takes the group's bit away.
  if (statSync(as).isDirectory()) await chmod(path, mode & 0o7777);
}
