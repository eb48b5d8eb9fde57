/**
 * Where things are on disk. From a checkout everything lies below VIGIL_HOME (default: `.vigil/` in the checkout). A
 * release finds its home by where it lies: `/opt/vigil/releases/<version>` is the machine's own installation,
 * `<home>/releases/<version>` that of one user. systemd names the folders by variables of its own (systemd.exec(5)),
 * which come first.
 */

import { createHash } from 'node:crypto';
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf, Misconfigured, messageOf } from '../base/errors.ts';
import { root } from '../base/root.ts';

export type Home = {
  directory: string;
  /** `config.toml`. */
  config: string;
  credentials: string;
  /** systemd handed the credentials over itself: their modes are its business, not the owner's. */
  handedOver: boolean;
  state: string;
  /** Holds one folder per service. */
  logs: string;
  /** The off switch: while this file is there, nothing starts. */
  stopped: string;
  /** The halt: while this file is there, no model is asked, no tool runs, no turn is taken up. */
  halted: string;
  /** What the agent's tools work in. */
  workspace: string;
  /** What came with messages, and what goes out with them. */
  files: string;
  /** The owner's standing instructions. */
  persona: string;
  /** Holds one folder per backup. */
  backups: string;
  /** A file named for a service asks whoever supervises it to restart it; what stands in it is the reason. */
  restarts: string;
  /** A file named for a release asks to go back to it. For the machine's own, the console alone may put it there. */
  rollbacks: string;
};

type Environment = { readonly [name: string]: string | undefined };

/** The machine's own installation, where the state is shared among the services' users. */
export const SYSTEM = {
  prefix: '/opt/vigil',
  config: '/etc/vigil',
  state: '/var/lib/vigil',
  logs: '/var/log/vigil',
  rollbacks: '/run/vigil/rollback',
} as const;

export function homeOf(env: Environment = process.env, from: string = root): Home {
  const prefix = basename(dirname(from)) === 'releases' ? dirname(dirname(from)) : undefined;
  const system = prefix === SYSTEM.prefix && !env.VIGIL_HOME;
  const directory = system ? SYSTEM.state : resolve(env.VIGIL_HOME || (prefix ?? join(from, '.vigil')));
  const config = env.CONFIGURATION_DIRECTORY ?? (system ? SYSTEM.config : directory);
  const state = env.STATE_DIRECTORY ?? (system ? SYSTEM.state : join(directory, 'state'));
  const logs = env.LOGS_DIRECTORY ? dirname(env.LOGS_DIRECTORY) : system ? SYSTEM.logs : undefined;
  return {
    directory,
    config: join(config, 'config.toml'),
    credentials: env.CREDENTIALS_DIRECTORY ?? join(config, 'credentials'),
    handedOver: env.CREDENTIALS_DIRECTORY !== undefined,
    state,
    logs: logs ?? join(directory, 'logs'),
    stopped: join(config, 'STOPPED'),
    halted: join(state, 'HALTED'),
    workspace: join(state, 'workspace'),
    files: join(state, 'files'),
    persona: join(state, 'persona.md'),
    backups: join(state, 'backups'),
    restarts: join(state, 'restart'),
    rollbacks: system ? SYSTEM.rollbacks : join(state, 'rollback'),
  };
}

/** What a process of a service goes by, in the names of its lock, its socket and its log. */
export function roleOf(service: string, worker: number): string {
  return worker === 0 ? service : `${service}-${worker}`;
}

/** The lock that the service, or any other sole holder of a role, has while it lives. */
export function lockOf(home: Home, role: string): string {
  return join(home.state, 'run', `${role}.lock`);
}

/** The longest path that a Unix socket may have on every system we run on (104 bytes on macOS, with its NUL). */
const LONGEST_SOCKET_bytes = 103;

/**
 * Where `name` listens: `state/run/<name>.sock`, or, when that is too long for a socket, a private folder among the
 * temporary files that is named after the state's path.
 */
export function socketOf(home: Home, name: string): string {
  const path = join(home.state, 'run', `${name}.sock`);
  if (Buffer.byteLength(path) <= LONGEST_SOCKET_bytes) return path;
  const digest = createHash('sha256').update(home.state).digest('hex').slice(0, 16);
  return join(tmpdir(), `vigil-${digest}`, `${name}.sock`);
}

/** The folder of a socket, made private. Somebody else's folder of that name is not ours to listen in. */
export function prepareSocket(path: string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid } = lstatSync(folder);
  if (folder.startsWith(tmpdir()) && process.getuid && uid !== process.getuid()) {
    throw new Misconfigured(
      `socket: ${folder} belongs to user ${uid}, expected ${process.getuid()}`,
      `remove ${folder}, or choose a shorter VIGIL_HOME`,
    );
  }
}

/**
 * Makes a home ready for its first start: folders, a config of commented defaults. What is
 * there already is left as it is.
 * @returns what was made, for the person who watches
 * @throws Misconfigured when the place cannot be written
 */
export function prepareHome(home: Home): string[] {
  const made: string[] = [];
  try {
    const fresh = !existsSync(home.directory);
    mkdirSync(home.directory, { recursive: true, mode: 0o700 });
    if (fresh) made.push(home.directory);
    const { credentials, state, workspace, files, logs, restarts } = home;
    for (const folder of [
      credentials,
      join(credentials, 'mcp'),
      state,
      join(state, 'run'),
      restarts,
      workspace,
      files,
      logs,
    ]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
    if (!existsSync(home.config)) {
      copyFileSync(join(root, 'config.example.toml'), home.config, constants.COPYFILE_EXCL);
      chmodSync(home.config, 0o600);
      made.push(home.config);
    }
  } catch (error) {
    // On a read-only file system Node's recursive mkdir says ENOENT.
    if (!/^(EACCES|EROFS|ENOENT|EPERM|ENOTDIR|EEXIST|ENOSPC)$/.test(codeOf(error))) throw error;
    throw new Misconfigured(
      `home: ${home.directory} cannot be set up (${messageOf(error)})`,
      `let user ${userInfo().username} write there, or set VIGIL_HOME to another folder`,
      { cause: error },
    );
  }
  return made;
}

/** @throws Misconfigured while the off switch is there, with what it says: who made it, and why */
export function demandOn(home: Home, who: string): void {
  let why: string;
  try {
    why = readFileSync(home.stopped, 'utf8').trim();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    why = messageOf(error); // a folder, or a file of root's, says no as well
  }
  throw new Misconfigured(
    `${who} is switched off (${home.stopped} is there${why === '' ? '' : `: ${why}`})`,
    `remove ${home.stopped}`,
  );
}

/** What new files are closed to: everybody else, or, when the state's folder is shared with a group, the others. */
export function umaskOf(home: Home): number {
  const mode = statSync(home.state, { throwIfNoEntry: false })?.mode ?? 0;
  return mode & 0o020 ? 0o007 : 0o077;
}
