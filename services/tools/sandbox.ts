/**
 * The sandbox that programs run in: the workspace to write, the owner's shares as they are given, the system to read, and
 * nothing else of the machine; an environment built from nothing; the network through a door of its own (`egress.ts`), and
 * limits on what it may take. A program ends with its whole family: at its time limit, when its call is stopped, and
 * when this service dies, be it by SIGKILL.
 *
 * Where the sandbox cannot start, programs are off. There is no way around it.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { messageOf } from '#shared/base/errors.ts';
import type { Home } from '#shared/runtime/home.ts';
import type { Share } from '#shared/tables/share.ts';
import { ALIVE, bubblewrap, DOOR, type View } from './bubblewrap.ts';
import type { Door } from './door.ts';
import type { Gate } from './egress.ts';
import type { Ended, Limits, Program, Sandbox } from './registry.ts';
import { seatbelt } from './seatbelt.ts';
import { isWithin, whyNotShare } from './shareable.ts';

const MAC = process.platform === 'darwin';
/** Where the proxy is found inside. */
const PORT = 3128;
const FILE_kb = 2 * 1024 * 1024;
const OPEN_FILES = 1024;
const PROBE: Limits = { cpu_s: 10, memory_mb: 256, processes: 64, wall_ms: 20_000, output_bytes: 4096 };

type House = { home: Home; shares(): Promise<readonly Share[]>; egress: Pick<Gate, 'admit'> };

/** Finds out by running a program whether the sandbox works here. */
export async function openSandbox(house: House): Promise<Sandbox> {
  const { workspace } = house.home;
  mkdirSync(workspace, { recursive: true, mode: 0o700 });
  try {
    const nothing = { cwd: workspace, env: {}, hosts: [], signal: AbortSignal.timeout(PROBE.wall_ms) };
    const { code, stderr, why } = await run(house, { ...nothing, argv: ['true'], limits: PROBE });
    if (code !== 0) return { available: false, why: whyNot(stderr || (why ?? `it ended with ${code}`)) };
  } catch (error) {
    return { available: false, why: whyNot(messageOf(error)) };
  }
  return {
    available: true,
    run: (program) => run(house, program),
    async spawn(program) {
      const { child, door } = await start(house, program);
      const kill = () => killGroup(child);
      program.signal.addEventListener('abort', kill, { once: true });
      if (program.signal.aborted) kill();
      const exited = ended(child).finally(() => {
        program.signal.removeEventListener('abort', kill);
        door.close();
      });
      return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exited, kill };
    },
  };
}

async function run(house: House, program: Program): Promise<Ended> {
  const { signal, limits } = program;
  const { child, door } = await start(house, program);
  try {
    const stdout = keep(child.stdout, limits.output_bytes);
    const stderr = keep(child.stderr, limits.output_bytes);
    child.stdin.on('error', () => {}); // a program need not read what it is given
    child.stdin.end(program.input ?? '');
    let why: string | undefined;
    const stop = (because: string) => {
      why ??= because;
      killGroup(child);
    };
    const late = setTimeout(() => stop(`it took longer than ${limits.wall_ms / 1000} s`), limits.wall_ms);
    const aborted = () => stop(messageOf(signal.reason));
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) aborted();
    const how = await ended(child).finally(() => {
      clearTimeout(late);
      signal.removeEventListener('abort', aborted);
    });
    return {
      ...how,
      stdout: stdout.text(),
      stderr: stderr.text(),
      truncated: stdout.cut() || stderr.cut(),
      refused: door.refused(),
      ...(why !== undefined && { why }),
    };
  } finally {
    door.close();
  }
}

type Running = { child: ChildProcess & { stdin: Writable; stdout: Readable; stderr: Readable }; door: Door };

async function start(
  house: House,
  program: Omit<Program, 'limits'> & { limits: Omit<Limits, 'wall_ms' | 'output_bytes'> },
): Promise<Running> {
  const { hosts, lan = [], behalf = { action: 'sandbox', payload: null, turn_id: null } } = program;
  const view = viewOf(house.home, await house.shares(), program);
  const door = await house.egress.admit({ hosts, lan }, behalf);
  try {
    const argv = ['/bin/bash', '-c', LAUNCH, 'sandbox', ...limitsOf(program.limits), ...programOf(program)];
    const seen = { ...view, env: { ...environment(house.home, door), ...program.env } };
    if ('port' in door.at)
      return { child: startProcess([...(await seatbelt(seen, argv, door.at.port))], []), door };
    const { command, said } = bubblewrap(seen, house.home.workspace, door.at.path);
    return { child: startProcess([...command, ...argv], said), door };
  } catch (error) {
    door.close();
    throw error;
  }
}

/**
 * The first words inside. Descriptors that it may have inherited end at once, before anybody else has them: a folder
 * among them would be a way out. The port that programs take for their proxy leads to the door; nobody starts before it
 * is open. bubblewrap dies with this service only once the sandbox is made, and until then, and while this service is
 * dying thread by thread, only a descriptor's end says that it is gone: a guard hears it, and all ends. The limits are set
 * inside, where processes are counted by themselves.
 */
export const LAUNCH = MAC
  ? `{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 & guard=$!
     exec 3<&-; ulimit -t "$1" -n "$4" -f "$5" -c 0; shift 5; "$@"; code=$?
     kill -KILL $guard; exit $code`
  : `for fd in /proc/self/fd/*; do fd=\${fd##*/}; (( fd > 2 && fd != ${ALIVE} )) && exec {fd}>&-; done
     ( { read -r _ <&${ALIVE}; kill -KILL -1; } & ) </dev/null >/dev/null 2>&1
     ( PATH=/usr/local/bin:/usr/bin:/bin socat TCP4-LISTEN:${PORT},bind=127.0.0.1,fork UNIX-CONNECT:${DOOR} & ) </dev/null >/dev/null 2>&1 ${ALIVE}<&-
     until [[ $(</proc/net/tcp) == *:${PORT.toString(16).toUpperCase().padStart(4, '0')}\\ * ]]; do
       (( SECONDS < 5 )) || { echo 'the way out does not open: is socat there?' >&2; exit 126; }
     done
     read -t 0 -u ${ALIVE} && { kill -KILL -1; exit 126; }
     exec ${ALIVE}<&-
     ulimit -t "$1" -d "$2" -u "$3" -n "$4" -f "$5" -c 0 && shift 5 && exec "$@"`;

function limitsOf({ cpu_s, memory_mb, processes }: Omit<Limits, 'wall_ms' | 'output_bytes'>): string[] {
  return [cpu_s, memory_mb * 1024, processes, OPEN_FILES, FILE_kb].map(String);
}

function programOf({ argv, script }: Pick<Program, 'argv' | 'script'>): readonly string[] {
  if (argv) return argv;
  return ['/bin/bash', '-c', script ?? ''];
}

/**
 * A group of its own, to be killed as one.
 * @param said to the descriptors from 3 on; the one after them stays open, and its end says that this service is gone
 */
function startProcess([program = '', ...args]: readonly string[], said: readonly string[]): Running['child'] {
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe', ...[...said, 'alive'].map(() => 'pipe' as const)],
    detached: true,
    cwd: '/',
    // Nothing of ours, and nothing of the program's, which would act on what builds the sandbox.
    env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LANG: 'C' },
  });
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new Error('sandbox: its process has no pipes');
  for (const [index, pipe] of child.stdio.slice(3).entries()) {
    pipe?.on('error', () => {}); // it ended before it read: its exit says so
    if (pipe && 'end' in pipe && index < said.length) pipe.end(said[index]);
    else if (pipe && 'resume' in pipe) pipe.resume();
  }
  return Object.assign(child, { stdin, stdout, stderr });
}

function killGroup(child: ChildProcess): void {
  try {
    // Linux: the process that is killed is the parent of the sandbox's first, with which all others in it die.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL'); // its group has ended already
  }
}

function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
}

/** The first and the last part of a stream, read to its end: what is dropped between does not hold the program up. */
function keep(stream: Readable, most_bytes: number): { text(): string; cut(): boolean } {
  const half = Math.ceil(most_bytes / 2);
  let head = Buffer.alloc(0);
  const later: Buffer[] = [];
  let later_bytes = 0;
  let all_bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    all_bytes += chunk.length;
    const rest = chunk.subarray(half - head.length);
    if (head.length < half) head = Buffer.concat([head, chunk.subarray(0, half - head.length)]);
    later.push(rest);
    later_bytes += rest.length;
    while (later_bytes - (later[0]?.length ?? 0) > half) later_bytes -= later.shift()?.length ?? 0;
  });
  const tail = () => Buffer.concat(later).subarray(-half);
  const dropped = () => all_bytes - head.length - tail().length;
  return {
    cut: () => dropped() > 0,
    text: () =>
      dropped() === 0
        ? Buffer.concat([head, tail()]).toString('utf8')
        : `${head.toString('utf8')}\n[… ${dropped()} bytes left out …]\n${tail().toString('utf8')}`,
  };
}

/** What the program sees, of folders that are what they were when they were shared. */
function viewOf(
  home: Home,
  shares: readonly Share[],
  { cwd, paths = [], files = [] }: Pick<Program, 'cwd' | 'paths' | 'files'>,
): View {
  const { workspace } = home;
  // A folder that has become a link since leads elsewhere: the owner did not share that.
  const there = shares.filter(({ path }) => isItself(path) && whyNotShare(path, home) === null);
  const written = there.filter(({ mode }) => mode === 'write').map(({ path }) => path);
  const granted = paths.map((path) => grantable(path, home));
  const writable = [workspace, ...written, ...granted];
  const readable = [
    ...files.filter(isItself),
    ...there.filter(({ mode }) => mode === 'read').map(({ path }) => path),
  ];
  if (![...writable, ...readable].some((folder) => isWithin(cwd, folder))) {
    throw new Error(`sandbox: expected to work in the workspace or a shared folder, got ${cwd}`);
  }
  if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`sandbox: there is no folder ${cwd}`);
  // The owner runs git in these folders too, outside: what it would run there is not the program's to write. A mount of
  // its own cannot be moved out of the way.
  const git = written.map((path) => join(path, '.git')).filter((path) => existsSync(join(path, 'config')));
  // Skills are instructions that later turns follow.
  const kept = [
    join(workspace, 'skills'),
    ...git.flatMap((path) => [join(path, 'hooks'), join(path, 'config')]),
  ];
  return { cwd, env: {}, readable, writable: [...writable, ...git], kept };
}

/** A path that an approval names. What is not there yet is made, empty: a place can be shown only if it is there. */
function grantable(path: string, home: Home): string {
  const why = whyNotShare(path, home);
  if (why !== null) throw new Error(`sandbox: ${path} cannot be written from inside: ${why}`);
  const folder = dirname(path);
  if (!isItself(folder))
    throw new Error(`sandbox: expected ${folder} to be a folder, without links on the way`);
  if (!existsSync(path)) writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
  if (!isItself(path)) throw new Error(`sandbox: ${path} is a link: name the file that it leads to`);
  return path;
}

function isItself(path: string): boolean {
  return existsSync(path) && realpathSync(path) === path;
}

function environment({ workspace }: Home, { at }: Door): Record<string, string> {
  const proxy = 'port' in at ? `http://vigil:${at.secret}@127.0.0.1:${at.port}` : `http://127.0.0.1:${PORT}`;
  const own = 'localhost,127.0.0.1,::1';
  return {
    PATH: `${MAC ? '/opt/homebrew/bin:' : ''}/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin`,
    HOME: workspace,
    USER: 'vigil',
    LOGNAME: 'vigil',
    SHELL: '/bin/bash',
    LANG: 'C.UTF-8',
    TZ: Intl.DateTimeFormat().resolvedOptions().timeZone,
    TMPDIR: MAC ? workspace : '/tmp',
    ...{ HTTP_PROXY: proxy, HTTPS_PROXY: proxy, ALL_PROXY: proxy, NO_PROXY: own },
    ...{ http_proxy: proxy, https_proxy: proxy, all_proxy: proxy, no_proxy: own },
    NODE_USE_ENV_PROXY: '1',
    ...('path' in at && {
      GIT_SSH_COMMAND: `ssh -o ProxyCommand='socat - PROXY:127.0.0.1:%h:%p,proxyport=${PORT}'`,
    }),
  };
}

/** What stood in the way, and what a person does about it. */
function whyNot(said: string): string {
  const line = said.trim().split('\n').at(-1) ?? '';
  const told = `the sandbox does not start (${line})`;
  if (MAC) return `${told}: commands are off`;
  const cure = (what: string) => `${told}: commands are off; cure: ${what}`;
  if (/bwrap: (not found|Permission denied)|socat/.test(said))
    return cure('install bubblewrap and socat (Debian: apt-get install bubblewrap socat)');
  if (/disable-userns|[Uu]nknown option/.test(said)) return cure('install bubblewrap 0.8 or newer');
  if (kernelSays('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return cure(
      'let bubblewrap make user namespaces: apt-get install apparmor-profiles, then ln -s ' +
        '/usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/ and systemctl reload apparmor',
    );
  }
  if (kernelSays('/proc/sys/kernel/unprivileged_userns_clone') === '0') {
    return cure('allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1');
  }
  if (kernelSays('/proc/sys/user/max_user_namespaces') === '0') {
    return cure('allow user namespaces: sysctl -w user.max_user_namespaces=10000');
  }
  return cure(
    'run as a user who may make user namespaces: `bwrap --unshare-user --ro-bind / / true` must work',
  );
}

function kernelSays(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : null;
}
