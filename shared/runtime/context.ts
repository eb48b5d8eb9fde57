/** What a service is given when it starts: everything around its domain, and nothing of another service. */

import { rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { backoff_ms } from '../base/backoff.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { codeOf, Misconfigured } from '../base/errors.ts';
import { bootId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Scrub } from '../base/scrub.ts';
import { mayRead, type ServiceName, serviceOf } from '../manifest.ts';
import { Fenced, type Store } from '../store/store.ts';
import type { Queue } from '../tables/op.ts';
import type { Shared } from './config.ts';
import { readSecret, type Secret } from './credentials.ts';
import { type External, externalOf } from './external.ts';
import type { Halt } from './halt.ts';
import { type Home, prepareSocket } from './home.ts';
import { EVERY_ms, LOOK_ms, type Pulse } from './pulse.ts';
import { loop, type Work } from './work.ts';

export type Context<Config> = {
  /** This run of the service: what its claims are signed with. */
  instance: string;
  /** Which of the service's processes it is, from 0. */
  worker: number;
  boot_id: string;
  config: Config;
  shared: Shared;
  home: Home;
  log: Log;
  store: Store;
  clock: Clock;
  /**
   * Commits the outcome of work that is done, and must not be dropped because the disk is full for a while: tried
   * until there is room, or until the service stops (whoever takes the work up again then finds it undone).
   */
  persist: Store['commit'];
  /** Aborts when the service is to stop: take nothing new, end what is begun. */
  signal: AbortSignal;
  /** Calls the world outside, and writes down how it went. */
  external: External;
  /** The variables of one of the service's own credentials; null when the file is not there. */
  secret(name: string): Secret | null;
  /** The first of the two switches: what costs money or does something waits while it is on. */
  halt: Halt;
  /**
   * Runs `work` from the moment the service is ready; `queue` is the bell that wakes it. What `halts` takes nothing while
   * all is halted.
   */
  work<Piece>(work: Work<Piece> & { queue?: Queue; halts?: boolean }): void;
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

/** How often an outcome that could not be written is tried again. */
const UNWRITTEN = { first_ms: 200, most_ms: 10_000 };

export function contextOf<Config>(of: {
  name: ServiceName;
  worker: number;
  config: { own: Config; shared: Shared };
  home: Home;
  log: Log;
  store: Store;
  clock: Clock;
  signal: AbortSignal;
  halt: Halt;
  scrub: Scrub;
  /** Told when the service must go down. */
  fatal(error: unknown): void;
  pulse: Pulse;
  loops: Set<() => Promise<void>>;
  endings: Set<() => Promise<void>>;
  lastly: Set<() => Promise<void>>;
}): Context<Config> {
  const { name, home, log, store, clock, signal, halt, pulse } = of;

  /** A person must act: the whole service stays down. Anything else is told, and tried again. */
  function failed(what: string, error: unknown): void {
    if (error instanceof Misconfigured) of.fatal(error);
    else log.error('step.failed', { work: what, error });
  }

  return {
    instance: pulse.instance,
    worker: of.worker,
    boot_id: bootId(),
    config: of.config.own,
    shared: of.config.shared,
    home,
    log,
    store,
    clock,
    signal,
    halt,
    external: externalOf({ service: name, store, clock, log }),
    async persist(ops, when) {
      for (let failures = 0; ; failures++) {
        try {
          return await store.commit(ops, when);
        } catch (error) {
          if (error instanceof Fenced || signal.aborted) throw error;
          log.error('outcome.unwritten', { error });
          await sleep(backoff_ms(failures, UNWRITTEN), signal);
        }
      }
    },
    secret(secret) {
      if (!mayRead(serviceOf(name), secret)) {
        throw new Error(`${name} asked for the secret '${secret}', which the manifest does not give it`);
      }
      const found = readSecret(home, secret);
      of.scrub.add(Object.values(found ?? {}).filter((value) => value !== undefined));
      return found;
    },
    work(work) {
      const { queue, halts, due } = work;
      const halting: typeof work = { ...work, look: async () => (halt.on() ? null : work.look()) };
      // What is due waits too: asked again and again, it would keep a core busy.
      if (due) halting.due = async () => (halt.on() ? null : due());
      of.loops.add(() =>
        loop(halts ? halting : work, {
          signal,
          clock,
          listen(heard) {
            if (halts) halt.onChange(heard);
            return queue ? store.listen(queue, heard) : () => {};
          },
          looking: () => pulse.step(work.name, LOOK_ms),
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
          pulse.notice();
          const ended = pulse.step(what, EVERY_ms);
          await step().catch((error) => failed(what, error));
          ended();
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
      pulse.tell();
    },
  };
}

function listening(server: Server, at: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      if ('path' in at) return reject(error);
      const taken = codeOf(error) === 'EADDRINUSE';
      if (!taken && codeOf(error) !== 'EACCES') return reject(error);
      reject(
        new Misconfigured(
          `port ${at.port} on ${at.host} is ${taken ? 'taken by another program' : 'not for this user to open'}`,
          `${taken ? 'stop that program, or choose another port' : 'choose a port above 1023'} in config.toml`,
          { cause: error },
        ),
      );
    });
    server.listen(at, () => resolve());
  });
}
