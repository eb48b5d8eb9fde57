/** What speaks against an installation, found before anything is changed. Each finding is Misconfigured, with the cure. */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readlinkSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { sleep } from '#shared/base/clock.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { schemaOf } from '#shared/runtime/releases.ts';
import { schemaIn } from '#shared/store/offline.ts';
import { FILE } from '#shared/store/store.ts';
import { demandRoot } from './permit.ts';
import type { Place } from './place.ts';
import type { Release } from './release.ts';

/** Room for logs, the store's growth, and whatever else writes to that disk. */
const MARGIN_bytes = 200 * 2 ** 20;

/** Whether this machine, and whoever asks, can have an installation of this profile. */
export function demandHost({ profile }: Place): void {
  if (profile === 'mac') return;
  if (!existsSync('/run/systemd/system')) {
    throw new Misconfigured(
      'install: this machine is not run by systemd',
      'run Vigil in the foreground: scripts/start --no-chat',
    );
  }
  if (profile === 'system') demandRoot('an installation for the machine');
  else if (process.getuid?.() === 0 && process.env.SUDO_USER) {
    throw new Misconfigured(
      'install: for one user it is installed by that user, not by root',
      `as ${process.env.SUDO_USER}: vigil install --user`,
    );
  }
}

/** systemd runs a user's services without a login only when it is told to. */
export function lingers(): boolean {
  const { stdout } = spawnSync(
    'loginctl',
    ['show-user', userInfo().username, '--property=Linger', '--value'],
    {
      encoding: 'utf8',
    },
  );
  return stdout?.trim() === 'yes';
}

/** Returns when the user's systemd is there to be spoken to. */
export async function linger(): Promise<void> {
  const { username, uid } = userInfo();
  try {
    execFileSync('loginctl', ['--no-ask-password', 'enable-linger', username], { stdio: 'pipe' });
  } catch (error) {
    throw new Misconfigured(
      `install: ${username}'s services would end with the login, and ${username} may not change that`,
      `sudo loginctl enable-linger ${username}, then run this again`,
      { cause: error },
    );
  }
  const deadline = performance.now() + 10_000;
  while (!existsSync(`/run/user/${uid}/systemd/private`) && performance.now() < deadline) await sleep(50);
}

/** Another release runs there: to change it is another command. */
export function demandSameVersion(place: Place, { version }: Release, current: string | null): void {
  if (current === null || current === version) return;
  throw new Misconfigured(
    `install: ${place.prefix} runs ${current} already, this is ${version}`,
    `vigil upgrade${place.profile === 'system' ? ', as root' : ''}`,
  );
}

/** A store that a newer release has written is lost on an older one. */
export function demandSchema(place: Place, release: Release): void {
  const file = join(place.home.state, FILE);
  const [has, knows] = [schemaIn(file), schemaOf(release.folder)];
  if (has <= knows) return;
  throw new Misconfigured(
    `install: ${file} has schema ${has}, ${release.version} knows ${knows}: a newer release wrote it; it was left untouched`,
    'install that release, or restore a backup that is as old as this one',
  );
}

/** @param more_bytes what will be taken over besides */
export function demandRoom(place: Place, release: Release, more_bytes: number): void {
  const installed = existsSync(join(place.prefix, 'releases', release.version));
  const needs: [string, number][] = [
    [place.prefix, installed ? 0 : release.bytes],
    [place.home.state, more_bytes],
  ];
  const disks = new Map<string, { path: string; free: number; needed: number }>();
  for (const [path, bytes] of needs) {
    const there = existing(path);
    const { bavail, bsize } = statfsSync(there);
    const disk = String(lstatSync(there).dev);
    const needed = (disks.get(disk)?.needed ?? MARGIN_bytes) + bytes;
    disks.set(disk, { path: there, free: bavail * bsize, needed });
  }
  const mb = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MB`;
  for (const { path, free, needed } of disks.values()) {
    if (free >= needed) continue;
    throw new Misconfigured(
      `install: the disk of ${path} has ${mb(free)} free, expected ${mb(needed)}`,
      `make ${mb(needed - free)} of room there`,
    );
  }
}

function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path));
}

/** What lies where our folders shall be is a folder, root's in an installation of the machine, and nobody else's to change. */
export function demandFolders(place: Place): void {
  const { prefix, home } = place;
  const owner = place.profile === 'system' ? 0 : process.getuid?.();
  for (const path of [prefix, dirname(home.config), home.credentials, home.state, home.logs]) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat) continue;
    if (!stat.isDirectory()) {
      throw new Misconfigured(`install: ${path} is there and is no folder`, `move ${path} away`);
    }
    const shared = path === home.credentials ? 0o077 : 0o002;
    if (stat.uid === owner && (stat.mode & shared) === 0) continue;
    const got = `user ${stat.uid}, mode ${(stat.mode & 0o7777).toString(8)}`;
    throw new Misconfigured(
      `install: ${path} could be ${path === home.credentials ? 'read' : 'changed'} by others (${got}; expected user ${owner}, closed to them)`,
      `see what is in it, then: chown ${owner} ${path} && chmod go-rwx ${path}`,
    );
  }
}

/** Somebody else's command of that name stays theirs. */
export function demandCommand({ command, prefix }: Place): void {
  if (!lstatSync(command, { throwIfNoEntry: false }) || isOurs(command, prefix)) return;
  throw new Misconfigured(`install: ${command} is there already, and not ours`, `move ${command} away`);
}

/** Whether it is a link into what is installed there. */
export function isOurs(link: string, prefix: string): boolean {
  const stat = lstatSync(link, { throwIfNoEntry: false });
  return stat?.isSymbolicLink() === true && readlinkSync(link).startsWith(`${prefix}/`);
}

/** The router's port, while nothing of ours runs that could have it. */
export async function demandPort(port: number, config: string): Promise<void> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) =>
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)),
  );
  server.close();
  if (free) return;
  throw new Misconfigured(
    `install: port ${port} on 127.0.0.1 is taken by another program`,
    `end that program, or set another port in [router] of ${config}`,
  );
}
