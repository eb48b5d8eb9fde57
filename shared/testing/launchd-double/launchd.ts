/**
 * A simulation of launchd for tests: it runs real programs from real property lists by the documented rules and the
 * traps that were reported from the field, and refuses what it does not model (98) or cannot read (99). Its exit codes
 * are those of exit-codes.tsv; nobody has compared them with a Mac yet, which is what scripts/mac-acceptance is for.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { type Job, readPlist } from './plist.ts';

export type Answer = { code: number; out: string };

/** Who is at the Mac: a person at its screen, one over ssh alone, or nobody since it was started. */
export type Login = 'screen' | 'ssh' | 'nobody';

export type Launchd = {
  /** The program to call instead of /bin/launchctl. */
  launchctl: string;
  /** Everything it was asked, in order. */
  calls: { args: string[]; code: number }[];
  /** The processes it started that live. */
  pids(): number[];
  /** A power cut, then somebody logs in or not. */
  reboot(login: Login): Promise<void>;
  /** Somebody sits down at the screen of a Mac that only ssh had reached. */
  login(login: Login): void;
  /** Kills all that runs. */
  close(): Promise<void>;
};

export type LaunchdOptions = {
  /** Where it keeps its own things. */
  directory: string;
  /** The user's home, whose Library/LaunchAgents are loaded at a login. */
  home: string;
  login?: Login;
  /** Stands in for every ThrottleInterval, which tests have no time for. */
  throttle_ms?: number;
};

type Loaded = {
  target: string;
  file: string;
  job: Job;
  child: ChildProcess | null;
  startedAt: number;
  runs: number;
  status: number;
  dying: 'leaves' | 'stays' | null;
  timer?: NodeJS.Timeout;
  killer?: NodeJS.Timeout;
};

const CODES: ReadonlyMap<string, number> = new Map(
  readFileSync(join(import.meta.dirname, 'exit-codes.tsv'), 'utf8')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => line.split('\t'))
    .map(([rule = '', code]) => [rule, Number(code)]),
);

/** launchd.plist(5): a bare name is looked up here, not in the job's own PATH. */
const STANDARD_PATH = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];
const NOT_MODELLED = 98;
const NOT_READ = 99;
const DEFAULT_THROTTLE_s = 10;
const DEFAULT_EXIT_s = 20;
const SESSIONS: { readonly [domain: string]: string } = { gui: 'Aqua', user: 'Background' };

export async function startLaunchd(options: LaunchdOptions): Promise<Launchd> {
  const { directory, home } = options;
  const { uid, username } = userInfo();
  const jobs = new Map<string, Loaded>();
  const calls: Launchd['calls'] = [];
  const launchctl = join(directory, 'launchctl');
  const disabledFile = join(directory, 'disabled.json');
  let login: Login = options.login ?? 'screen';
  mkdirSync(directory, { recursive: true });

  const exists = (domain: string) =>
    domain === 'system' ||
    (domain === `user/${uid}` && login !== 'nobody') ||
    (domain === `gui/${uid}` && login === 'screen');
  const answer = (rule: string, out = ''): Answer => {
    const code = CODES.get(rule);
    if (code === undefined) throw new Error(`no exit code for ${rule} in exit-codes.tsv`);
    return { code, out };
  };

  /** One list for a user's domains, kept over restarts of the machine (launchctl(1)). */
  const disabled = (): string[] =>
    existsSync(disabledFile) ? JSON.parse(readFileSync(disabledFile, 'utf8')) : [];
  const inList = (target: string) => target.replace(/^gui\//, 'user/');

  function start(loaded: Loaded): void {
    clearTimeout(loaded.timer);
    if (loaded.child) return;
    const { job } = loaded;
    loaded.startedAt = performance.now();
    loaded.runs += 1;
    const [first = '', ...args] = job.ProgramArguments ?? [job.Program ?? ''];
    const name = job.Program ?? first;
    const program = isAbsolute(name)
      ? name
      : STANDARD_PATH.map((folder) => join(folder, name)).find((path) => existsSync(path));
    if (!program || !existsSync(program)) {
      over(loaded, answer('spawn.bare-name').code);
      return;
    }
    const daemon = loaded.target.startsWith('system/');
    // The shell sets what a child inherits, and becomes the program: the process is launchd's own child.
    const prepare = 'umask "$1"; ulimit -S -n "$2"; shift 2; exec "$@"';
    const umask = (job.Umask ?? 0o022).toString(8).padStart(4, '0');
    const files = job.SoftResourceLimits?.NumberOfFiles ?? 256;
    const child = spawn('/bin/sh', ['-c', prepare, 'sh', umask, `${files}`, program, ...args], {
      cwd: '/',
      env: {
        PATH: STANDARD_PATH.join(':'),
        // Whether a daemon with UserName gets a HOME is not documented: here it does not.
        ...(daemon ? {} : { HOME: home }),
        USER: username,
        LOGNAME: username,
        SHELL: '/bin/zsh',
        TMPDIR: '/tmp',
        XPC_SERVICE_NAME: job.Label,
        XPC_FLAGS: '0x0',
        // What `launchctl setenv` would do: the jobs speak to this launchd as well.
        VIGIL_LAUNCHCTL: launchctl,
        ...job.EnvironmentVariables,
      },
      stdio: 'ignore',
      detached: true,
    });
    loaded.child = child;
    child.once('exit', (code, signal) => {
      // launchd.plist(5), AbandonProcessGroup: what is left of the group goes as well.
      killGroup(child);
      loaded.child = null;
      over(loaded, code ?? -(signal ? constants.signals[signal] : 0));
    });
  }

  function over(loaded: Loaded, status: number): void {
    clearTimeout(loaded.killer);
    loaded.status = status;
    const { dying, job } = loaded;
    loaded.dying = null;
    if (dying === 'leaves') {
      jobs.delete(loaded.target);
      return;
    }
    if (dying === 'stays') {
      start(loaded);
      return;
    }
    const again = job.KeepAlive && (status === 0) === job.KeepAlive.SuccessfulExit;
    if (!again) return;
    const throttle_ms = options.throttle_ms ?? (job.ThrottleInterval ?? DEFAULT_THROTTLE_s) * 1000;
    const wait_ms = Math.max(0, loaded.startedAt + throttle_ms - performance.now());
    loaded.timer = setTimeout(() => start(loaded), wait_ms);
  }

  /** The group: a program that was started from a shell is not its child alone. */
  function killGroup(child: ChildProcess): void {
    try {
      if (child.pid) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Nobody is left.
    }
  }

  function load(domain: string, file: string): Answer {
    if ((statSync(file).mode & 0o022) !== 0) return answer('bootstrap.open-to-others');
    let job: Job;
    try {
      job = readPlist(readFileSync(file, 'utf8'));
    } catch (error) {
      return { code: NOT_READ, out: `simulated launchd: ${file}: ${messageOf(error)}` };
    }
    const target = `${domain}/${job.Label}`;
    const there = jobs.get(target);
    if (there) return answer(there.dying ? 'bootstrap.dying' : 'bootstrap.loaded', 'Input/output error');
    if (disabled().includes(inList(target))) return answer('bootstrap.disabled', 'Service is disabled');
    const session = SESSIONS[domain.split('/')[0] ?? ''];
    if (session && !(job.LimitLoadToSessionType ?? ['Aqua']).includes(session)) {
      return answer('bootstrap.wrong-session', 'Service cannot load in requested session');
    }
    if (job.UserName !== undefined && job.UserName !== username) {
      return { code: NOT_MODELLED, out: `simulated launchd: it cannot become ${job.UserName}` };
    }
    const loaded: Loaded = { target, file, job, child: null, startedAt: 0, runs: 0, status: 0, dying: null };
    jobs.set(target, loaded);
    if (job.RunAtLoad || job.KeepAlive) start(loaded);
    return answer('bootstrap');
  }

  function unload(loaded: Loaded): void {
    clearTimeout(loaded.timer);
    if (!loaded.child) {
      jobs.delete(loaded.target);
      return;
    }
    // Returns before it is gone.
    loaded.dying = 'leaves';
    loaded.child.kill('SIGTERM');
    const { child } = loaded;
    loaded.killer = setTimeout(
      () => child.kill('SIGKILL'),
      (loaded.job.ExitTimeOut ?? DEFAULT_EXIT_s) * 1000,
    );
  }

  const noDomain = 'Domain does not support specified action';
  const noService = (target: string) => `Could not find service "${target.split('/').at(-1)}"`;
  const commands: { readonly [name: string]: (args: string[]) => Answer } = {
    print([target = '']) {
      const [, domain = '', label] = /^((?:gui|user)\/\d+|system)(?:\/(.+))?$/.exec(target) ?? [];
      if (!exists(domain)) return answer('print.no-domain', 'Could not find domain');
      if (!label) return answer('print.domain', `${domain} = {\n}`);
      const loaded = jobs.get(target);
      if (!loaded) return answer('print.no-service', noService(target));
      const state = loaded.dying === 'leaves' ? 'SIGTERMed' : loaded.child ? 'running' : 'not running';
      const pid = loaded.child ? `\tpid = ${loaded.child.pid}\n` : '';
      return answer(
        'print.domain',
        `${target} = {\n\tpath = ${loaded.file}\n\tstate = ${state}\n\truns = ${loaded.runs}\n${pid}\tlast exit code = ${loaded.status}\n}`,
      );
    },
    bootstrap([domain = '', ...files]) {
      if (!exists(domain)) return answer('bootstrap.no-domain', `Bootstrap failed: 125: ${noDomain}`);
      for (const file of files) {
        const { code, out } = load(domain, file);
        if (code !== 0) return { code, out: `Bootstrap failed: ${code}: ${out}` };
      }
      return answer('bootstrap');
    },
    bootout([target = '', ...more]) {
      if (target.startsWith('-') || more.length > 0) return answer('bootout.unknown-flag');
      const loaded = jobs.get(target);
      if (!loaded) return answer('bootout.no-service', 'Boot-out failed: 3: No such process');
      unload(loaded);
      return answer('bootout');
    },
    kickstart(args) {
      const target = args.at(-1) ?? '';
      const [domain] = /^((?:gui|user)\/\d+|system)/.exec(target) ?? [''];
      if (!exists(domain)) return answer('kickstart.no-domain', noDomain);
      const loaded = jobs.get(target);
      if (!loaded || loaded.dying === 'leaves') return answer('kickstart.no-service', noService(target));
      if (!loaded.child) start(loaded);
      else if (args[0] === '-k') {
        // SIGKILL, as seen on a Mac in kirodotdev/KiroCrew#1562.
        loaded.dying = 'stays';
        loaded.child.kill('SIGKILL');
      }
      return answer('kickstart');
    },
    kill([signal = '', target = '']) {
      const loaded = jobs.get(target);
      if (!loaded?.child) return answer('kill.no-service', noService(target));
      loaded.child.kill(signal as NodeJS.Signals);
      return answer('kill');
    },
    enable([target = '']) {
      writeFileSync(disabledFile, JSON.stringify(disabled().filter((entry) => entry !== inList(target))));
      return answer('enable');
    },
    disable([target = '']) {
      writeFileSync(disabledFile, JSON.stringify([...new Set([...disabled(), inList(target)])]));
      return answer('disable');
    },
    'print-disabled'() {
      const lines = disabled().map((target) => `\t\t"${target.split('/').at(-1)}" => disabled\n`);
      return { code: 0, out: `\tdisabled services = {\n${lines.join('')}\t}` };
    },
    /** Of the caller's domain; over ssh that is the user's own. */
    list(args) {
      if (args.length > 0)
        return { code: NOT_MODELLED, out: 'simulated launchd: list LABEL is not modelled' };
      const domain = login === 'screen' ? `gui/${uid}/` : `user/${uid}/`;
      const rows = [...jobs.values()]
        .filter(({ target }) => target.startsWith(domain))
        .map(({ job, child, status }) => `${child?.pid ?? '-'}\t${status}\t${job.Label}`);
      return answer('list', ['PID\tStatus\tLabel', ...rows].join('\n'));
    },
  };
  const flags: { readonly [command: string]: string[] } = { kickstart: ['-k'], bootout: ['--wait'] };

  function call([name = '', ...args]: string[]): Answer {
    const strange = args.find((arg) => arg.startsWith('-') && !flags[name]?.includes(arg));
    const command = commands[name];
    const { code, out } =
      command && !strange
        ? command(args)
        : { code: NOT_MODELLED, out: `simulated launchd: ${strange ?? name} is not modelled` };
    calls.push({ args: [name, ...args], code });
    return { code, out };
  }

  function arrive(as: Login): void {
    login = as;
    const agents = join(home, 'Library', 'LaunchAgents');
    const domain = as === 'screen' ? `gui/${uid}` : as === 'ssh' ? `user/${uid}` : null;
    if (!domain || !existsSync(agents)) return;
    for (const file of readdirSync(agents).filter((file) => file.endsWith('.plist'))) {
      load(domain, join(agents, file));
    }
  }

  async function powerCut(): Promise<void> {
    const gone = [...jobs.values()].map(({ child, timer, killer }) => {
      clearTimeout(timer);
      clearTimeout(killer);
      if (!child) return undefined;
      const closed = new Promise((resolve) => child.removeAllListeners('exit').once('exit', resolve));
      killGroup(child);
      return closed;
    });
    jobs.clear();
    await Promise.all(gone);
  }

  const socket = join(directory, 'socket');
  const server = createServer({ allowHalfOpen: true }, (client) => {
    let asked = '';
    client
      .setEncoding('utf8')
      .on('data', (text) => {
        asked += text;
      })
      .on('error', () => {}) // a caller that was killed
      .on('end', () => {
        const { code, out } = call(asked.split('\0'));
        client.end(`${code}\n${out === '' ? '' : `${out}\n`}`);
      });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const front = join(import.meta.dirname, 'launchctl');
  writeFileSync(launchctl, `#!/bin/sh\nexec perl '${front}' '${socket}' "$@"\n`, { mode: 0o755 });

  return {
    launchctl,
    calls,
    pids: () => [...jobs.values()].flatMap(({ child }) => child?.pid ?? []),
    async reboot(as) {
      await powerCut();
      arrive(as);
    },
    login: arrive,
    async close() {
      await powerCut();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
