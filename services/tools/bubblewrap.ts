/**
 * What a program in the sandbox sees on Linux, in bubblewrap's words. The view is built from nothing: what is not named
 * here is not there. So the store, sockets, credentials, other homes and the system's secrets need no list of their own.
 *
 * Namespaces of its own for users, processes, network, IPC and mounts: no process of the machine is visible or can be
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
};

/** Who one is in there, for programs that look it up. */
const WHO = {
  '/etc/passwd': (home: string) =>
    `vigil:x:1000:1000::${home}:/bin/bash\nnobody:x:65534:65534::/:/usr/sbin/nologin\n`,
  '/etc/group': () => 'vigil:x:1000:\nnogroup:x:65534:\n',
  '/etc/hosts': () => '127.0.0.1 localhost\n::1 localhost\n',
};

/** The descriptor after those that are said something to. */
export const ALIVE = 4 + Object.keys(WHO).length;

/**
 * The command line that `argv` is added to, and what is to be said to its descriptors from 3 on: what is said there is in
 * no list of processes. When memory runs out, the kernel ends these programs first.
 * @param door the Unix socket that is to be the program's door
 */
export function bubblewrap(view: View, home: string, door: string): { command: string[]; said: string[] } {
  const options = optionsOf(view, door);
  const broken = options.find((option) => option.includes('\0'));
  if (broken !== undefined)
    throw new Error(`sandbox: a path or variable has a NUL in it: ${JSON.stringify(broken)}`);
  return {
    command: ['/bin/sh', '-c', 'echo 800 >/proc/self/oom_score_adj; exec bwrap --args 3 -- "$@"', 'sh'],
    said: [options.map((option) => `${option}\0`).join(''), ...Object.values(WHO).map((text) => text(home))],
  };
}

/** Later mounts lie over earlier ones. */
function optionsOf({ cwd, env, readable, writable, kept }: View, door: string): string[] {
  return [
    ...['--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts'],
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL', '--disable-userns'],
    // One name for whoever it runs as, root too: /etc/passwd here knows it.
    ...['--uid', '1000', '--gid', '1000'],
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
    ...Object.keys(WHO).flatMap((path, index) => ['--file', String(4 + index), path]),
    ...['--ro-bind', door, DOOR],
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
