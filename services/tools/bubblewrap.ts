/**
 * What a program in the sandbox sees on Linux, in bubblewrap's words. The view is built from nothing: what is not named
 * here is not there. So the store, sockets, credentials, other homes and the system's secrets need no list of their own.
 *
 * Namespaces of its own for users, processes, network, IPC and host name: no process of the machine is visible or can be
 * signalled, loopback is its own, abstract sockets of the machine are out of reach. No capability, no further namespace.
 */

import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** What programs need of /etc to run; nothing with a secret in it, also where all of /etc could be read. */
const ETC = [
  ...[
    'alternatives',
    'ca-certificates',
    'ca-certificates.conf',
    'crypto-policies',
    'debian_version',
    'fonts',
    'gai.conf',
  ],
  ...[
    'host.conf',
    'inputrc',
    'ld.so.cache',
    'ld.so.conf',
    'ld.so.conf.d',
    'locale.alias',
    'localtime',
    'magic',
  ],
  ...[
    'mime.types',
    'nsswitch.conf',
    'os-release',
    'pki/ca-trust',
    'pki/tls/cert.pem',
    'pki/tls/certs',
    'protocols',
  ],
  ...['redhat-release', 'services', 'ssl/cert.pem', 'ssl/certs', 'ssl/openssl.cnf', 'terminfo', 'timezone'],
];
/** Runtimes whose folder's name has a version in it. */
const ETC_RUNTIMES = /^(ImageMagick|java|perl|python)/;

const SHM_bytes = 64 * 1024 * 1024;
const TMP_bytes = 512 * 1024 * 1024;

/** Where a program finds its door. */
export const DOOR = '/run/egress.sock';

export type View = {
  cwd: string;
  env: Readonly<Record<string, string>>;
  readable: readonly string[];
  writable: readonly string[];
  /** In a writable folder, and yet not to be changed. */
  kept: readonly string[];
  /** What is elsewhere on the machine than where the program finds it: [source, target]. */
  placed: readonly (readonly [string, string])[];
};

/** Later mounts lie over earlier ones. */
export function bubblewrapOptions(view: View): string[] {
  const { cwd, env, readable, writable, kept, placed } = view;
  return [
    ...[
      '--unshare-user',
      '--unshare-pid',
      '--unshare-net',
      '--unshare-ipc',
      '--unshare-uts',
      '--unshare-cgroup-try',
    ],
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL', '--disable-userns'],
    // One name for whoever it runs as, root too: /etc/passwd here knows it.
    ...['--uid', '1000', '--gid', '1000', '--hostname', 'sandbox'],
    ...[
      '--ro-bind',
      '/usr',
      '/usr',
      ...['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'].flatMap(systemFolder),
    ],
    ...[...ETC, ...readdirSync('/etc').filter((name) => ETC_RUNTIMES.test(name))].flatMap((name) =>
      readOnly(`/etc/${name}`),
    ),
    // Read-only: who runs as root could else set the machine's kernel through /proc/sys, without any capability.
    ...['--proc', '/proc', '--remount-ro', '/proc', '--dev', '/dev'],
    ...['--size', String(SHM_bytes), '--tmpfs', '/dev/shm', '--remount-ro', '/dev'],
    ...['--size', String(TMP_bytes), '--perms', '1777', '--tmpfs', '/tmp', '--symlink', '/tmp', '/var/tmp'],
    ...readable.flatMap(readOnly),
    ...writable.flatMap((path) => ['--bind', path, path]),
    ...kept.flatMap(readOnly),
    ...placed.flatMap(([source, target]) => ['--ro-bind', source, target]),
    ...['--remount-ro', '/', '--chdir', cwd, '--clearenv'],
    ...Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]),
  ];
}

function readOnly(path: string): string[] {
  return ['--ro-bind-try', path, path];
}

/** /bin and its like are links into /usr on most systems, folders of their own on the others. */
function systemFolder(name: string): string[] {
  const path = join('/', name);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return [];
  return found.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : readOnly(path);
}
