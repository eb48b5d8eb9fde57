/**
 * Which files the tools may touch, and how without being led elsewhere. A path is followed to what it really names; what
 * lies in the workspace, came with a message of the same chat or is in a shared folder may be touched, of the rest of the house nothing,
 * and all else with the owner's word for that very path.
 *
 * A program in the sandbox may put a link in the place of a folder at any moment. So the folder is opened first, what was
 * opened is compared with what was meant, and the file is reached through the open folder (on Linux; elsewhere a swap
 * within the same microseconds is not seen).
 */

import { realpathSync } from 'node:fs';
import { constants, type FileHandle, mkdir, open, readlink, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { codeOf } from '#shared/base/errors.ts';
import type { Home } from '#shared/runtime/home.ts';
import type { Allowed, Facts, Verdict } from './registry.ts';

export type Reach = 'read' | 'write';

/** What `path` really names, seen from the workspace. Of what is not there yet: where it would be. */
export function placeOf(path: string, home: Home): string {
  if (path.includes('\0')) throw new Error('a path has no NUL in it');
  return real(resolve(home.workspace, path));
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    // What we may not even look at, nobody reaches through us: it is what it says.
    if (!['ENOENT', 'EACCES'].includes(codeOf(error)) || dirname(path) === path) throw error;
    return join(real(dirname(path)), basename(path));
  }
}

type Bounds = { home: Home } & Pick<Facts, 'shares' | 'files'>;

/** What may be done at a place as such. */
export function verdictAt(place: string, reach: Reach, { home, shares, files }: Bounds): Verdict {
  const open = [
    home.workspace,
    ...(reach === 'read' ? files : []),
    ...shares.filter(({ mode }) => reach === 'read' || mode === 'write').map(({ path }) => path),
  ];
  // First, for a shared folder may hold the house, and nobody has meant to open its store with it.
  const own = [home.directory, home.state, home.credentials, home.logs, dirname(home.config)];
  const inside = (roots: readonly string[]) => roots.some((root) => within(place, real(root)));
  if (inside(own) && !inside([home.workspace, ...files])) {
    return { do: 'deny', why: `${place} belongs to Vigil itself, which no tool may touch` };
  }
  if (inside(open)) return { do: 'allow' };
  const scope = `${reach} ${place}`;
  return { do: 'ask', scope, rule: null, grants: { hosts: [], paths: [place] } };
}

/** The place of `path`, for a call that may go there. @throws Error when it may not */
export function reached(
  path: string,
  reach: Reach,
  hands: { ctx: { home: Home }; allowed: Pick<Allowed, 'paths'> } & Pick<Facts, 'shares' | 'files'>,
): string {
  const { shares, files } = hands;
  const { home } = hands.ctx;
  const place = placeOf(path, home);
  const verdict = verdictAt(place, reach, { home, shares, files });
  if (verdict.do === 'allow') return place;
  if (verdict.do === 'ask' && hands.allowed.paths.some((root) => within(place, root))) return place;
  throw new Error(`${path}: to ${reach} ${place} was not allowed`);
}

export function within(place: string, folder: string): boolean {
  const path = relative(folder, place);
  return path === '' || (path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path));
}

/** How the model and the owner are told of a place: within the workspace without its folder. */
export function shown(place: string, home: Home): string {
  const workspace = real(home.workspace);
  return within(place, workspace) ? relative(workspace, place) || '.' : place;
}

/** Holds the folder open while `act` goes on in it; `at` is the path of one of its entries. */
export async function inFolder<T>(
  folder: string,
  act: (at: (name: string) => string) => Promise<T>,
): Promise<T> {
  const held = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const linux = process.platform === 'linux';
    const path = linux ? `/proc/self/fd/${held.fd}` : folder;
    const opened = linux ? await readlink(path) : await realpath(path);
    if (opened !== folder)
      throw new Error(`${folder} was moved while it was opened: expected it, got ${opened}`);
    return await act((name) => join(path, name));
  } finally {
    await held.close();
  }
}

/** Opens the plain file at `place` and hands it to `act`. No link is followed, nothing waits for a pipe's other end. */
export function withFile<T>(place: string, act: (file: FileHandle, bytes: number) => Promise<T>): Promise<T> {
  return inFolder(dirname(place), async (at) => {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(at(basename(place)), flags);
    try {
      const stats = await file.stat();
      if (stats.isDirectory()) throw new Error(`${place} is a folder: list_files shows what is in it`);
      if (!stats.isFile()) throw new Error(`${place} is not a plain file`);
      return await act(file, stats.size);
    } finally {
      await file.close();
    }
  });
}

/** Puts `content` at `place`, whole or not at all, in folders that are made where they are missing. */
export async function replaceFile(place: string, content: string | Buffer, mode = 0o666): Promise<void> {
  await makeFolder(dirname(place));
  await inFolder(dirname(place), async (at) => {
    const part = at(`.${basename(place).slice(0, 100)}.${process.pid}.${process.hrtime.bigint()}`);
    try {
      const file = await open(part, 'wx', mode);
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, at(basename(place)));
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  });
}

async function makeFolder(folder: string): Promise<void> {
  try {
    return await inFolder(folder, async () => {});
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  await makeFolder(dirname(folder));
  await inFolder(dirname(folder), async (at) => {
    await mkdir(at(basename(folder))).catch((error) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
  });
}
