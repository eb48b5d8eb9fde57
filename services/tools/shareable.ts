/** Which folders of the owner's may be shown to the sandbox at all, whoever asks: the owner, or an approval. */

import { homedir } from 'node:os';
import { dirname, sep } from 'node:path';
import type { Home } from '#shared/runtime/home.ts';

/** The system's own, with all that lies below: devices, processes, sockets, settings with secrets in them. */
const SYSTEM = [
  '/proc',
  '/sys',
  '/dev',
  '/run',
  '/var/run',
  '/boot',
  '/etc',
  '/private/etc',
  '/private/var/run',
];
/** Too wide: all of the machine, or everybody's folders. */
const WIDE = [
  '/',
  '/home',
  '/Users',
  '/root',
  '/var',
  '/usr',
  '/opt',
  '/mnt',
  '/media',
  '/Volumes',
  '/private',
  '/tmp',
];
/** Where programs keep keys, sessions and passwords, by the names of files and folders in somebody's home. */
const CREDENTIALS =
  /^(\.ssh|\.gnupg|\.aws|\.azure|\.kube|\.docker|\.config|\.local|\.password-store|\.netrc|\.git-credentials|\.npmrc|\.pypirc|\.mozilla|\.thunderbird|\.cache|Library)$/;

/** @param path absolute, without links. @returns why it may not be shared; null when it may */
export function whyNotShare(path: string, home: Home): string | null {
  const system = SYSTEM.find((folder) => isWithin(path, folder));
  if (system) return `${system} is the system's`;
  if (WIDE.includes(path)) return 'it is too wide: name the folder that is meant';
  if (isWithin(homedir(), path))
    return 'it holds your whole home folder: name the folder in it that is meant';
  if (path.split(sep).some((part) => CREDENTIALS.test(part))) return 'programs keep keys and passwords there';
  if (isWithin(path, home.workspace)) return 'it is in the workspace, which the sandbox has already';
  const { directory, config, credentials, state, logs } = home;
  const own = [directory, dirname(config), credentials, state, logs];
  if (own.some((folder) => isWithin(path, folder) || isWithin(folder, path))) {
    return "Vigil's own settings, secrets and records are there";
  }
  return null;
}

/** Whether `path` is `folder`, or below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
