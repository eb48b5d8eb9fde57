/**
 * The foreground suite: every service as a child of one small supervisor, which is what launchd and systemd do in an
 * installation. It hears READY over a pipe in sd_notify's language, restarts what dies (at once, then with back-off),
 * leaves down what a person must mend, and takes everything down with it. It loads neither the store nor a service.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, type FSWatcher, mkdirSync, readdirSync, rmSync, watch } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { Misconfigured, messageOf } from '../base/errors.ts';
import { root } from '../base/root.ts';
import { type Service, type ServiceName, services } from '../manifest.ts';
import { killAfter_s, nodeOptions } from '../units/process.ts';
import { demandOn, type Home, prepareSocket, socketOf } from './home.ts';

export type Suite = {
  /** Resolves once every service is ready or down for a person to mend. */
  ready: Promise<{ took_ms: number; ready: ServiceName[]; down: ServiceName[]; off: ServiceName[] }>;
  /** Resolves with the exit code once nothing runs any more. */
  ended: Promise<number>;
  stop(): void;
};

export type SuiteOptions = {
  home: Home;
  /** Where a service's program is: the bundle, or its source. */
  program(name: ServiceName): string;
  /** Hears what the services have to say to the person who watches. */
  say(text: string): void;
  /** Where the services' warnings go. */
  console: 'human' | 'off';
};

/** Up for so long, a service has started well, and its next death is a first one again. */
const STEADY_ms = 1000;
const MOST_ms = 30_000;
/** What is to be restarted and does not end by itself is killed after this time. */
const HANGS_ms = 5000;
/** How often it looks for requests, in case their bell is lost. */
const LOOK_ms = 5000;

/** How long to wait before the next start after `deaths` in a row: not at all, then doubling. */
export function restartDelay_ms(deaths: number): number {
  return deaths <= 1 ? 0 : Math.min(MOST_ms, 250 * 2 ** (deaths - 2));
}

/** @throws Misconfigured when the suite already runs on this home, or is switched off */
export async function startSuite(options: SuiteOptions): Promise<Suite> {
  const { home, say } = options;
  demandOn(home, 'vigil');
  const sole = await beSole(home, () => {
    say('vigil: it ends, as was asked for\n');
    stop();
  });
  const began = performance.now();
  const ready = Promise.withResolvers<Awaited<Suite['ready']>>();
  const ended = Promise.withResolvers<number>();
  const state = new Map<ServiceName, 'starting' | 'ready' | 'down' | 'off'>();
  const children = new Map<ServiceName, ChildProcess>();
  const timers = new Map<ServiceName, NodeJS.Timeout>();
  const heard = new Set<string>();
  let stopping = false;

  const inState = (wanted: string) =>
    services.filter(({ name }) => state.get(name) === wanted).map(({ name }) => name);

  function settle(): void {
    if (inState('starting').length > 0) return;
    const took_ms = Math.round(performance.now() - began);
    ready.resolve({ took_ms, ready: inState('ready'), down: inState('down'), off: inState('off') });
    if (nobodyWorks()) stop();
  }

  /** Who is there to tell of the others is not what anybody started the suite for. */
  const nobodyWorks = () => services.every(({ name, storeless }) => storeless || state.get(name) !== 'ready');

  function start(service: Service, deaths: number): void {
    const { name } = service;
    const child = spawn(process.execPath, [...nodeOptions(service), options.program(name)], {
      env: { ...process.env, VIGIL_HOME: home.directory, NOTIFY_FD: '3', VIGIL_CONSOLE: options.console },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    children.set(name, child);
    let readyAt: number | undefined;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      // What brought a service down it says itself, with its cure on a line of its own; the log's line is one too many.
      const told = text.replace(/^\S+ fatal \w+ service\.failed .*\n/gm, '');
      // Several services that stumble over the same fault say it in the same words: once is enough.
      const words = told.replace(`${name}: `, '');
      if (words.includes('\n  cure: ')) {
        if (heard.has(words)) return;
        heard.add(words);
      }
      if (told !== '') say(told);
    });
    (child.stdio[3] as Readable).setEncoding('utf8').on('data', (words: string) => {
      if (!words.includes('READY=1')) return;
      readyAt = performance.now();
      state.set(name, 'ready');
      settle();
    });
    child.once('error', (error) => say(`vigil: ${name} cannot be started: ${error.message}\n`));
    child.once('close', (code, signal) => {
      children.delete(name);
      if (stopping) return finish();
      if (code === 78) {
        state.set(name, 'down');
        return settle();
      }
      const steady = readyAt !== undefined && performance.now() - readyAt >= STEADY_ms;
      const count = steady ? 1 : deaths + 1;
      const delay_ms = restartDelay_ms(count);
      say(
        `vigil: ${name} ended (${signal ?? `code ${code}`}); started again ${delay_ms ? `in ${delay_ms} ms` : 'at once'}\n`,
      );
      timers.set(
        name,
        setTimeout(() => start(service, count), delay_ms),
      );
    });
  }

  function stop(): void {
    if (stopping) return;
    stopping = true;
    for (const timer of timers.values()) clearTimeout(timer);
    for (const [name, child] of children) {
      child.kill('SIGTERM');
      const service = services.find((entry) => entry.name === name);
      const timer = setTimeout(() => child.kill('SIGKILL'), (service ? killAfter_s(service) : 10) * 1000);
      child.once('close', () => clearTimeout(timer));
    }
    finish();
  }

  const lacks = ({ needs }: Service) =>
    needs !== undefined && !existsSync(join(home.credentials, `${needs}.env`));

  /** What hangs drains nothing: it is not waited for as long as at the end. */
  function restart(service: Service): void {
    const { name } = service;
    const child = children.get(name);
    if (!child) {
      // It was off or down, and what it lacked is there now.
      if (/^(off|down)$/.test(state.get(name) ?? '') && !lacks(service)) begin(service);
      return;
    }
    say(`vigil: ${name} is restarted, as was asked for\n`);
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), HANGS_ms);
    child.once('close', () => clearTimeout(timer));
  }

  function finish(): void {
    if (children.size > 0) return;
    requests.close();
    sole.close();
    ended.resolve(nobodyWorks() && inState('down').length > 0 ? 78 : 0);
  }

  function begin(service: Service): void {
    state.set(service.name, 'starting');
    start(service, 0);
  }

  const requests = hearRequests(home.restarts, (service) => !stopping && restart(service));
  for (const service of services) {
    if (lacks(service)) state.set(service.name, 'off');
    else begin(service);
  }
  return { ready: ready.promise, ended: ended.promise, stop };
}

/** Each file in the folder that bears a service's name is a wish for its restart; it is removed first, so that it is one. */
function hearRequests(folder: string, asked: (service: Service) => void): { close(): void } {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const look = () => {
    const names = readdirSync(folder);
    for (const service of services) {
      if (!names.includes(service.name)) continue;
      rmSync(join(folder, service.name), { force: true, recursive: true });
      asked(service);
    }
  };
  const watcher: FSWatcher = watch(folder, { persistent: false }, () => setImmediate(look));
  const timer = setInterval(look, LOOK_ms).unref();
  // What was asked of one that is gone has come true.
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true, recursive: true });
  return {
    close() {
      watcher.close();
      clearInterval(timer);
    },
  };
}

/** One suite per home: a socket that answers is the sign of a living one. Whoever says a word there has it stop. */
async function beSole(home: Home, stop: () => void): Promise<Server> {
  const path = socketOf(home, 'suite');
  prepareSocket(path);
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (alive) {
    throw new Misconfigured(
      `vigil already runs on ${home.directory}`,
      'talk to it with scripts/vigil chat, or stop it first (Ctrl-C where it runs)',
    );
  }
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    // It stays open until this process is gone: that is the answer.
    socket.unref().once('data', stop);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve)).catch(
    (error) => {
      throw new Misconfigured(
        `vigil: ${path} cannot be made (${messageOf(error)})`,
        `let this user write to ${dirname(path)}, on a file system mounted read-write`,
        { cause: error },
      );
    },
  );
  server.unref();
  return server;
}

/** Where a service's program lies: its bundle when one was made, its source otherwise. */
export function programs(bundles: string | undefined): (name: ServiceName) => string {
  return (name) => (bundles ? join(bundles, `${name}.cjs`) : join(root, 'services', name, 'service.ts'));
}
