/**
 * The one shape of a service, and what is around it. A service says its name, its section of the config, and how it
 * starts; here it gets config, log, store, clock, secrets and loops, a heartbeat, and an end: a drain within its stop
 * time. A service is a module with start and stop, so that one process can also hold them all.
 */

import type * as z from 'zod/mini';
import { type Clock, sleep, systemClock } from '../base/clock.ts';
import { Misconfigured } from '../base/errors.ts';
import { type Log, openLog } from '../base/log.ts';
import { version } from '../base/root.ts';
import { scrubber } from '../base/scrub.ts';
import { type ServiceName, serviceOf } from '../manifest.ts';
import { isLocked, type Lock, waitForLock } from '../store/liveness.ts';
import { reopening } from '../store/reopening.ts';
import { openStore, type Store } from '../store/store.ts';
import { defaultConfig, readConfig } from './config.ts';
import { type Context, contextOf } from './context.ts';
import { noting } from './faults.ts';
import { type Halt, watchHalt } from './halt.ts';
import { demandOn, type Home, lockOf, roleOf, umaskOf } from './home.ts';
import type { Notify } from './notify.ts';
import { type Pulse, startPulse } from './pulse.ts';
import type { Section } from './setting.ts';

export type Service<S extends Section = Section> = {
  name: ServiceName;
  config: S;
  start(ctx: Context<z.infer<S>>): Promise<void>;
};

/** Keeps the section's type, so that `ctx.config` is what the schema says. */
export function service<S extends Section>(definition: Service<S>): Service<S> {
  return definition;
}

export type RunOptions = {
  home: Home;
  /** Which of the service's processes it is, from 0. */
  worker?: number;
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
  /** Resolves when what went wrong so far is in the store, as far as that takes it. */
  noted(): Promise<void>;
};

const BEAT_ms = 5000;
/** So long a service that runs without a store waits for it. */
const STORELESS_ms = 1000;

export function run<S extends Section>(definition: Service<S>, options: RunOptions): Running {
  const stopping = new AbortController();
  const fatal = Promise.withResolvers<never>();
  const ready = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<Log>();
  const life: Life = { stopping, fatal, ready, opened, noted: async () => {} };
  const ended = live(definition, options, life);
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
    noted: () => life.noted(),
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

/** A config that is wrong keeps the service down; log and heartbeat, by which that is told, are then as nothing were set. */
function configOf<S extends Section>(home: Home, { name, config: section }: Service<S>) {
  try {
    return { config: readConfig(home.config, { name, section }), fault: undefined };
  } catch (error) {
    return { config: defaultConfig({ name, section }), fault: error };
  }
}

type Life = {
  stopping: AbortController;
  fatal: PromiseWithResolvers<never>;
  ready: PromiseWithResolvers<void>;
  opened: PromiseWithResolvers<Log>;
  noted(): Promise<void>;
};

async function live<S extends Section>(
  definition: Service<S>,
  options: RunOptions,
  life: Life,
): Promise<void> {
  const { name } = definition;
  const { storeless = false } = serviceOf(name);
  const { home, worker = 0 } = options;
  const role = roleOf(name, worker);
  const { signal } = life.stopping;
  const clock = options.clock ?? systemClock;
  const scrub = scrubber();
  const { config, fault } = configOf(home, definition);
  // Before anything asks for a local time: Node reads it again when it is set.
  if (config.shared.owner.time_zone !== '') process.env.TZ = config.shared.owner.time_zone;
  const faults = noting(
    await openLog({
      service: role,
      version,
      directory: home.logs,
      level: config.shared.log.level,
      size_bytes: config.shared.log.size_mb * 2 ** 20,
      files: config.shared.log.files,
      days: config.shared.log.days,
      // As the store is: what they say of it is no more than what is in it.
      group: umaskOf(home) === 0o007,
      scrub,
      console: options.console ?? 'off',
    }),
    { service: name, now: clock.now, scrub },
  );
  const { log } = faults;
  life.noted = faults.written;
  life.opened.resolve(log);
  let store: Store | undefined;
  let lock: Lock | null | undefined;
  let pulse: Pulse | undefined;
  let halt: Halt | undefined;
  const loops = new Set<() => Promise<void>>();
  const inWork: Promise<void>[] = [];
  const endings = new Set<() => Promise<void>>();
  const lastly = new Set<() => Promise<void>>();

  async function up(): Promise<void> {
    if (!Number.isInteger(worker) || worker < 0 || (worker > 0 && !serviceOf(name).workers)) {
      throw new Misconfigured(
        `${name}: VIGIL_WORKER: expected ${serviceOf(name).workers ? 'a whole number from 0' : 'none, for it runs as one process'}, got ${process.env.VIGIL_WORKER}`,
        'unset VIGIL_WORKER',
      );
    }
    demandOn(home, `${name}: Vigil`);
    // Where another one is at work, its heartbeat stays its own.
    if (fault && isLocked(lockOf(home, role))) throw fault;
    lock = await waitForLock(lockOf(home, role), signal, () => {
      const message = `another ${role} is alive on ${home.state}: this one waits until it ends`;
      log.warn('standby.begun', {}, message);
      options.standby?.(message);
    }).catch((error) => {
      if (!storeless) throw error;
      log.warn('lock.untaken', { error });
      return undefined;
    });
    if (lock === null) return;
    const wanted = {
      directory: home.state,
      principal: name,
      ...config.shared.store,
      busy_ms: name === 'router' ? 5 : 50,
    };
    store = storeless ? reopening(wanted) : await openStore(wanted);
    faults.writeTo(store);
    halt = watchHalt(home.halted);
    pulse = startPulse({
      name,
      worker,
      clock,
      store,
      log,
      notify: options.notify ?? (() => {}),
      // A store that is refused ends whoever needs one.
      fatal: storeless ? () => {} : life.fatal.reject,
      home,
      beat_ms: options.beat_ms ?? BEAT_ms,
    });
    await patiently(pulse.beat('starting'));
    if (fault) throw fault;
    const ctx = contextOf({
      name,
      worker,
      config,
      home,
      log,
      store,
      clock,
      signal,
      halt,
      scrub,
      fatal: life.fatal.reject,
      pulse,
      loops,
      endings,
      lastly,
    });
    await definition.start(ctx);
    for (const start of loops) inWork.push(start());
    await patiently(pulse.beat('ready'));
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
    await within(beat.catch((error) => log.warn('heartbeat.failed', { error })));
  }

  /** Nobody who runs without a store shall wait for one that is locked. */
  async function within(what: Promise<void> | undefined): Promise<void> {
    await (storeless ? Promise.race([what, sleep(STORELESS_ms)]) : what);
  }

  async function patiently(beat: Promise<void>): Promise<void> {
    await (storeless ? told(beat) : beat);
  }

  try {
    let failure: { error: unknown } | undefined;
    await up().catch((thrown) => {
      const error = fault ?? thrown;
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
    halt?.close();
    await within(faults.written());
    await within(store?.close());
    lock?.release();
    await log.close();
  }
}
