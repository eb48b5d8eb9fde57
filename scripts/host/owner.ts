/** Whose things are: users and groups of this machine by name, and folders and files with the modes that they shall have. */

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  cpSync,
  existsSync,
  fchmodSync,
  fchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { codeOf, Misconfigured } from '#shared/base/errors.ts';
import type { Step } from './step.ts';

/** null: whoever runs this. The group is looked up when it is needed: a step before may have made it. */
export type Owner = { group: string } | null;

export const ROOT: Owner = { group: 'root' };

/** A line of getent(1), split; null when there is nobody of that name. */
export function entryOf(database: 'passwd' | 'group', name: string): string[] | null {
  const { status, stdout } = spawnSync('getent', [database, name], { encoding: 'utf8' });
  return status === 0 ? stdout.trim().split(':') : null;
}

function gidOf(group: string): number | null {
  if (group === 'root') return 0;
  const gid = entryOf('group', group)?.[2];
  return gid === undefined ? null : Number(gid);
}

export function folder(path: string, mode: number, owner: Owner): Step {
  return {
    words: `make ${path} (${mode.toString(8)}${owner ? `, root:${owner.group}` : ''})`,
    due: () => !isSo(path, mode, owner),
    act() {
      mkdirSync(path, { recursive: true });
      give(path, mode, owner);
    },
  };
}

/** Mends the mode and the owner of what is there. */
export function access(path: string, mode: number, owner: Owner): Step {
  return {
    words: `set ${path} to ${mode.toString(8)}${owner ? `, root:${owner.group}` : ''}`,
    due: () => existsSync(path) && !isSo(path, mode, owner),
    act: () => give(path, mode, owner),
  };
}

function isSo(path: string, mode: number, owner: Owner): boolean {
  const stat = (owner ? lstatSync : statSync)(path, { throwIfNoEntry: false });
  if (!stat || (stat.mode & 0o7777) !== mode) return false;
  return !owner || (stat.uid === 0 && stat.gid === gidOf(owner.group));
}

/**
 * Some of these lie where a service may write: with a link in their place it would be given what the link leads to.
 * @throws Misconfigured for a link in an installation of the machine
 */
export function give(path: string, mode: number, owner: Owner): void {
  const fd = opened(path, owner ? constants.O_NOFOLLOW : 0);
  try {
    if (owner) {
      const gid = gidOf(owner.group);
      if (gid === null) throw new Error(`there is no group ${owner.group}`);
      // Before the mode: a change of the owner takes the bits of the group away.
      fchownSync(fd, 0, gid);
    }
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}

function opened(path: string, flags: number): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
  } catch (error) {
    if (!/^(ELOOP|EMLINK)$/.test(codeOf(error))) throw error;
    throw new Misconfigured(
      `install: ${path} is a link, expected no link there`,
      `see who made it and where it leads, then: rm ${path}`,
      { cause: error },
    );
  }
}

/** A file whole or not at all, never open to more than it shall be. */
export function putFile(path: string, content: string | Buffer, mode: number, owner: Owner): void {
  const part = `${path}.part`;
  rmSync(part, { force: true });
  writeFileSync(part, content, { mode: 0o600, flag: 'wx' });
  give(part, mode, owner);
  renameSync(part, path);
}

/** A copy of a file or a tree, whole or not at all; with a group, it may do there what the owner may. */
export function putCopy(from: string, to: string, owner: Owner): void {
  const part = `${to}.part`;
  rmSync(part, { recursive: true, force: true });
  cpSync(from, part, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  share(part, owner);
  // An empty folder may be there already.
  rmSync(to, { recursive: true, force: true });
  renameSync(part, to);
}

function share(path: string, owner: Owner): void {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return;
  const own = stat.mode & 0o700;
  const setgid = stat.isDirectory() && owner ? 0o2000 : 0;
  give(path, owner ? own | (own >> 3) | setgid : own, owner);
  if (stat.isDirectory()) for (const name of readdirSync(path)) share(join(path, name), owner);
}

/** Nothing is there, or a folder with nothing in it. */
export function isEmpty(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return !stat || (stat.isDirectory() && readdirSync(path).length === 0);
}

/** Removes those of the folders in which nothing is. */
export function removeEmpty(...folders: string[]): void {
  for (const path of folders) {
    try {
      rmdirSync(path);
    } catch (error) {
      if (!/^(ENOTEMPTY|EEXIST|ENOENT)$/.test(codeOf(error))) throw error;
    }
  }
}
