/**
 * The one shape of a service, and what is around it. A service says its name, its section of the config, and how it
 * starts; here it gets config, log, store, clock, secrets and loops, a heartbeat, and an end: a drain within its stop
 * time. A service is a module with start and stop, so that one process can also hold them all.
 */

import { existsSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import type * as z from 'zod';
import { backoff_ms } from '../base/backoff.ts';
import { type Clock, sleep, systemClock } from '../base/clock.ts';
import { codeOf, Misconfigured, messageOf } from '../base/errors.ts';
import { bootId, uuid } from '../base/ids.ts';
import { type Log, openLog } from '../base/log.ts';
import { version } from '../base/root.ts';
import { type Scrub, scrubber } from '../base/scrub.ts';
import { type ServiceName, serviceOf } from '../manifest.ts';
import { type Lock, waitForLock } from '../store/liveness.ts';
import { Fenced, openStore, REFUSED, type Store } from '../store/store.ts';
import * as heartbeat from '../tables/heartbeat.ts';
import type { Op, Queue } from '../tables/op.ts';
import { readConfig, type Section, type Shared } from './config.ts';
import { readSecret, type Secret } from './credentials.ts';
import { type Home, lockOf, prepareSocket } from './home.ts';
import type { Notify } from './notify.ts';
import { loop, type Work } from './work.ts';

export type Service<S extends Section = Section> = {
  name: ServiceName;
  config: S;
  start(ctx: Context<z.infer<S>>): Promise<void>;
};

export type Context<Config> = {
  /** This run of the service: what its claims are signed with. */
  instance: string;
  boot_id: string;
  config: Config;
  shared: Shared;
  home: Home;
  log: Log;
  store: Store;
  clock: Clock;
  /** Aborts when the service is to stop: take nothing new, end what is begun. */
  signal: AbortSignal;
  /** The variables of one of the service's own credentials; null when the file is not there. */
  secret(name: string): Secret | null;
  /**
   * Commits what has happened already, and tries again while the store cannot be written, until the service is to stop.
   * A full disk must not cost an answer that is paid for, nor the outcome of what was sent: a row that stayed in living
   * hands would be taken up by nobody.
   */
  persist(ops: readonly Op[]): Promise<void>;
  /** Runs `work` from the moment the service is ready; `queue` is the bell that wakes it. */
  work<Piece>(work: Work<Piece> & { queue?: Queue }): void;
  /** Runs `step` every so often, first after that time; a failure is logged and the next time comes. */
  every(name: string, ms: number, step: () => Promise<void>): void;
  /** Listens from now on; on the way down it answers what it has begun, and takes nothing new. */
  listen(server: Server, at: { path: string } | { host: string; port: number }): Promise<void>;
  /** Runs `end` on the way down, when the work is drained and nothing is listened to any more. */
  onEnd(end: () => Promise<void>): void;
  /** Called when the wall clock has jumped against the monotonic one: a sleep, or somebody set it. */
  onJump(handler: (by_ms: number) => void): void;
  /** What it is at, in words, for the heartbeat. */
  doing(what: string): void;
  /** What a person should know about it while it lasts; null when it is over. */
  problem(what: string | null): void;
};

/** Keeps the section's type, so that `ctx.config` is what the schema says. */
export function service<S extends Section>(definition: Service<S>): Service<S> {
  return definition;
}

export type RunOptions = {
  home: Home;
  clock?: Clock;
  notify?: Notify;
  /** Where warnings go besides the log. */
  console?: 'human' | 'json' | 'off';
  /** Told when another process of this service is alive and this one waits for its end. */
  standby?: (message: string) => void;
  /** How long the drain may take; the manifest says it when this does not. */
  stop_ms?: number;
  /** How often it beats. */
  beat_ms?: number;
};

export type Running = {
  /** Resolves when the service is ready; rejects when it could not start. */
  ready: Promise<void>;
  /** Resolves when it has stopped, rejects with what brought it down. */
  ended: Promise<void>;
  /** Drains: takes nothing new, ends what is begun, at most for its stop time. */
  stop(): Promise<void>;
  log: Promise<Log>;
};

const BEAT_ms = 5000;
/** A difference between the two clocks that no scheduling explains. */
const JUMP_ms = 10_000;

export function run<S extends Section>(definition: Service<S>, options: RunOptions): Running {
  const stopping = new AbortController();
  const fatal = Promise.withResolvers<never>();
  const ready = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<Log>();
  const ended = live(definition, options, { stopping, fatal, ready, opened });
  ended.then(
    () => ready.reject(new Error(`${definition.name}: stopped before it was ready`)),
    (error) => {
      ready.reject(error);
      opened.reject(error);
    },
  );
  // Whoever waits for one of them hears of it there; nobody has to wait for all.
  for (const promise of [ended, ready.promise, opened.promise, fatal.promise]) promise.catch(() => {});
  return {
    ready: ready.promise,
    ended,
    log: opened.promise,
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

type Life = {
  stopping: AbortController;
  fatal: PromiseWithResolvers<never>;
  ready: PromiseWithResolvers<void>;
  opened: PromiseWithResolvers<Log>;
};

async function live<S extends Section>(
  definition: Service<S>,
  options: RunOptions,
  life: Life,
): Promise<void> {
  const { name } = definition;
  const { home } = options;
  const { signal } = life.stopping;
  const clock = options.clock ?? systemClock;
  const scrub = scrubber();
  const config = readConfig(home.config, { name, section: definition.config });
  const log = await openLog({
    service: name,
    version,
    directory: home.logs,
    level: config.shared.log.level,
    size_bytes: config.shared.log.size_mb * 2 ** 20,
    files: config.shared.log.files,
    scrub,
    console: options.console ?? 'off',
  });
  life.opened.resolve(log);
  let store: Store | undefined;
  let lock: Lock | null | undefined;
  let pulse: Pulse | undefined;
  const loops = new Set<() => Promise<void>>();
  const inWork: Promise<void>[] = [];
  const endings = new Set<() => Promise<void>>();
  const lastly = new Set<() => Promise<void>>();

  async function up(): Promise<void> {
    if (existsSync(home.stopped)) {
      throw new Misconfigured(
        `${name}: Vigil is switched off (${home.stopped} is there)`,
        `remove ${home.stopped}`,
      );
    }
    lock = await waitForLock(lockOf(home, name), signal, () => {
      const message = `another ${name} is alive on ${home.state}: this one waits until it ends`;
      log.warn('standby.begun', {}, message);
      options.standby?.(message);
    });
    if (!lock) return;
    store = await openStore({
      directory: home.state,
      principal: name,
      ...config.shared.store,
      busy_ms: name === 'router' ? 5 : 50,
    });
    pulse = pulseOf({
      definition: name,
      clock,
      store,
      log,
      notify: options.notify ?? (() => {}),
      life,
      home,
      beat_ms: options.beat_ms ?? BEAT_ms,
    });
    await pulse.beat('starting');
    await definition.start(
      contextOf({
        name,
        config,
        home,
        log,
        store,
        clock,
        signal,
        scrub,
        life,
        pulse,
        loops,
        endings,
        lastly,
      }),
    );
    for (const start of loops) inWork.push(start());
    await pulse.beat('ready');
    options.notify?.('READY=1');
    life.ready.resolve();
    log.info('service.started', { instance: pulse.instance });
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([aborted, life.fatal.promise]);
  }

  /** Also after a failure: what another loop is sending just now shall have its outcome on record. */
  async function down(pulse: Pulse): Promise<void> {
    options.notify?.('STOPPING=1');
    await told(pulse.beat('stopping'));
    const drained = Promise.all([...inWork, ...[...endings].map((end) => end())])
      .then(() => Promise.all([...lastly].map((end) => end())))
      .then(() => true);
    const late = Promise.withResolvers<boolean>();
    const stop_ms = options.stop_ms ?? serviceOf(name).stop_s * 1000;
    const timer = setTimeout(() => late.resolve(false), stop_ms);
    if (!(await Promise.race([drained, late.promise]))) {
      log.warn('drain.abandoned', { after_ms: stop_ms }, 'what is still in work resumes at the next start');
    }
    clearTimeout(timer);
  }

  /** A full disk takes no heartbeat, and is no reason to drop what is in work. */
  async function told(beat: Promise<void>): Promise<void> {
    await beat.catch((error) => log.warn('heartbeat.failed', { error }));
  }

  try {
    let failure: { error: unknown } | undefined;
    await up().catch((error) => {
      failure = { error };
      log.fatal('service.failed', { error });
    });
    life.stopping.abort();
    if (pulse) {
      await down(pulse);
      // A finding of the last minute, such as a refused token, counts as well.
      await Promise.race([life.fatal.promise, Promise.resolve()]).catch((error) => {
        failure ??= { error };
      });
      const misconfigured = failure?.error instanceof Misconfigured;
      await told(pulse.end(misconfigured ? 'misconfigured' : 'stopped', failure?.error));
    }
    if (failure) throw failure.error;
    log.info('service.stopped');
  } finally {
    await store?.close();
    lock?.release();
    await log.close();
  }
}

type Pulse = {
  instance: string;
  doing: string;
  problem: string | null;
  progressed(): void;
  onJump(handler: (by_ms: number) => void): void;
  say(what: string): void;
  /** Writes the row as it stands. */
  tell(): Promise<void>;
  beat(phase: heartbeat.Phase): Promise<void>;
  end(phase: 'stopped' | 'misconfigured', why?: unknown): Promise<void>;
};

/** The heartbeat: a row every few seconds, a ping to the supervisor, and an eye on the clock. */
function pulseOf(of: {
  definition: ServiceName;
  clock: Clock;
  store: Store;
  log: Log;
  notify: Notify;
  life: Life;
  home: Home;
  beat_ms: number;
}): Pulse {
  const { clock, store, log, beat_ms } = of;
  const handlers: ((by_ms: number) => void)[] = [];
  let phase: heartbeat.Phase = 'starting';
  let since_at = clock.now();
  let progressed_at = clock.now();
  let loop_delay_ms = 0;
  let [wall, mono] = [clock.now(), clock.mono()];

  const pulse: Pulse = {
    instance: `${of.definition}-${uuid(clock.now())}`,
    doing: 'starting',
    problem: null,
    progressed() {
      progressed_at = clock.now();
    },
    onJump: (handler) => void handlers.push(handler),
    say(what) {
      if (what === pulse.doing) return;
      pulse.doing = what;
      since_at = clock.now();
    },
    tell: write,
    async beat(next) {
      phase = next;
      await write();
    },
    async end(last, why) {
      clearInterval(timer);
      if (why !== undefined) pulse.problem = messageOf(why);
      pulse.say(last);
      await pulse.beat(last);
    },
  };

  async function write(): Promise<void> {
    await store.commit([
      heartbeat.beat({
        service: of.definition,
        pid: process.pid,
        instance: pulse.instance,
        boot_id: bootId(),
        version,
        phase,
        doing: pulse.doing,
        since_at,
        progressed_at,
        beat_at: clock.now(),
        rss_bytes: process.memoryUsage.rss(),
        loop_delay_ms: Math.round(loop_delay_ms * 10) / 10,
        problem: pulse.problem,
      }),
    ]);
  }

  const timer = setInterval(() => {
    // The ping says that the event loop turns. Whether the disk or the network is well is not its question: nobody
    // is helped by the restart of a service that cannot write.
    of.notify('WATCHDOG=1');
    const [wallNow, monoNow] = [clock.now(), clock.mono()];
    loop_delay_ms = Math.max(0, monoNow - mono - beat_ms);
    const jump = wallNow - wall - (monoNow - mono);
    [wall, mono] = [wallNow, monoNow];
    if (Math.abs(jump) > JUMP_ms) {
      log.warn('clock.jumped', { by_ms: Math.round(jump) });
      for (const handler of handlers) handler(jump);
    }
    const refused = `${of.home.state}/${REFUSED}`;
    if (existsSync(refused)) {
      of.life.fatal.reject(
        new Misconfigured(`store: the check-up found it damaged (see ${refused})`, 'restore a backup'),
      );
      return;
    }
    write().catch((error) => log.warn('heartbeat.failed', { error }));
  }, beat_ms);
  return pulse;
}

function contextOf<Config>(of: {
  name: ServiceName;
  config: { own: Config; shared: Shared };
  home: Home;
  log: Log;
  store: Store;
  clock: Clock;
  signal: AbortSignal;
  scrub: Scrub;
  life: Life;
  pulse: Pulse;
  loops: Set<() => Promise<void>>;
  endings: Set<() => Promise<void>>;
  lastly: Set<() => Promise<void>>;
}): Context<Config> {
  const { name, home, log, store, clock, signal, life, pulse } = of;

  /** A person must act: the whole service stays down. Anything else is told, and tried again. */
  function failed(what: string, error: unknown): void {
    if (error instanceof Misconfigured) life.fatal.reject(error);
    else log.error('step.failed', { work: what, error });
  }

  return {
    instance: pulse.instance,
    boot_id: bootId(),
    config: of.config.own,
    shared: of.config.shared,
    home,
    log,
    store,
    clock,
    signal,
    secret(secret) {
      if (!serviceOf(name).secrets.includes(secret)) {
        throw new Error(`${name} asked for the secret '${secret}', which the manifest does not give it`);
      }
      const found = readSecret(home, secret);
      of.scrub.add(Object.values(found ?? {}).filter((value) => value !== undefined));
      return found;
    },
    async persist(ops) {
      for (let failures = 0; ; failures++) {
        try {
          await store.commit(ops);
          return;
        } catch (error) {
          if (error instanceof Fenced || signal.aborted) throw error;
          log.error('commit.postponed', { error });
          await sleep(backoff_ms(failures, { first_ms: 200, most_ms: 10_000 }), signal);
        }
      }
    },
    work(work) {
      const { queue } = work;
      of.loops.add(() =>
        loop(work, {
          signal,
          clock,
          listen: (heard) => (queue ? store.listen(queue, heard) : () => {}),
          progressed: pulse.progressed,
          failed: (error) => failed(work.name, error),
        }),
      );
    },
    every(what, ms, step) {
      of.loops.add(async () => {
        for (;;) {
          await sleep(ms, signal);
          if (signal.aborted) return;
          await step().catch((error) => failed(what, error));
          pulse.progressed();
        }
      });
    },
    async listen(server, at) {
      if ('path' in at) {
        prepareSocket(at.path);
        // A leftover of a process that was killed: the service's lock says that nobody listens there any more.
        rmSync(at.path, { force: true });
      }
      await listening(server, at);
      of.endings.add(
        () =>
          new Promise((resolve) => {
            server.close(() => resolve());
            server.closeIdleConnections();
          }),
      );
    },
    onEnd: (end) => void of.lastly.add(end),
    onJump: pulse.onJump,
    doing: pulse.say,
    problem(what) {
      if (what !== null && what !== pulse.problem) log.warn('problem.begun', { problem: what });
      if (what === null && pulse.problem !== null) log.info('problem.ended', { problem: pulse.problem });
      if (what === pulse.problem) return;
      pulse.problem = what;
      pulse.tell().catch((error) => log.warn('heartbeat.failed', { error }));
    },
  };
}

function listening(server: Server, at: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      if (codeOf(error) !== 'EADDRINUSE' || 'path' in at) return reject(error);
      reject(
        new Misconfigured(
          `port ${at.port} on ${at.host} is taken by another program`,
          `stop that program, or choose another port in config.toml`,
          { cause: error },
        ),
      );
    });
    server.listen(at, () => resolve());
  });
}
