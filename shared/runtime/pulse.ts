/**
 * The heartbeat: a row every few seconds, a ping to the supervisor, and an eye on the clock. It says what the service is
 * at, and when one of its loops last ended a step. The ping stays away when a step does not end: a service that turns
 * without getting on is restarted too.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { Misconfigured, messageOf } from '../base/errors.ts';
import { bootId, uuid } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { version } from '../base/root.ts';
import type { ServiceName } from '../manifest.ts';
import { REFUSED, type Store } from '../store/store.ts';
import * as heartbeat from '../tables/heartbeat.ts';
import type { Home } from './home.ts';
import type { Notify } from './notify.ts';

/**
 * What the next piece of work is, a loop knows after this long, or something hangs: the store alone may keep it waiting
 * for 30 s when it is busy.
 */
export const LOOK_ms = 120_000;
/** What is done every so often may ask the world, which takes its time. */
export const EVERY_ms = 600_000;

/** A difference between the two clocks, or a pause of both, that no scheduling explains. */
const JUMP_ms = 10_000;

export type Pulse = {
  instance: string;
  doing: string;
  problem: string | null;
  progressed(): void;
  /**
   * A step has begun that ends within `most_ms`, in success or failure; to be called at its end. While one is late the
   * supervisor hears nothing, and restarts the service.
   */
  step(what: string, most_ms: number): () => void;
  onJump(handler: (by_ms: number) => void): void;
  /** Looks at the clocks now. Who judges by the time that has passed asks first: their timer may be the first to fire. */
  notice(): void;
  say(what: string): void;
  /** Writes the row as it stands; what keeps it from that is in the log. */
  tell(): Promise<void>;
  beat(phase: heartbeat.Phase): Promise<void>;
  end(phase: 'stopped' | 'misconfigured', why?: unknown): Promise<void>;
};

export function startPulse(of: {
  name: ServiceName;
  worker: number;
  clock: Clock;
  store: Store;
  log: Log;
  notify: Notify;
  /** Told when the service must go down. */
  fatal(error: unknown): void;
  home: Home;
  beat_ms: number;
}): Pulse {
  const { clock, store, log, beat_ms } = of;
  const handlers: ((by_ms: number) => void)[] = [];
  let phase: heartbeat.Phase = 'starting';
  const steps = new Set<{ what: string; late_at: number; told: boolean }>();
  let since_at = clock.now();
  let progressed_at = clock.now();
  let loop_delay_ms = 0;
  let unwritten = '';
  let [wall, mono] = [clock.now(), clock.mono()];
  let beaten = mono;

  const pulse: Pulse = {
    instance: `${of.name}-${uuid(clock.now())}`,
    doing: 'starting',
    problem: null,
    progressed() {
      progressed_at = clock.now();
    },
    step(what, most_ms) {
      const step = { what, late_at: clock.mono() + most_ms, told: false };
      steps.add(step);
      return () => {
        steps.delete(step);
        pulse.progressed();
      };
    },
    onJump: (handler) => void handlers.push(handler),
    notice() {
      const [wallNow, monoNow] = [clock.now(), clock.mono()];
      const jump = wallNow - wall - (monoNow - mono);
      // A machine that was suspended as a whole, or a process that was stopped: both clocks went on.
      const stood_ms = monoNow - mono - beat_ms;
      const away_ms = Math.abs(jump) > JUMP_ms ? jump : stood_ms > JUMP_ms ? stood_ms : null;
      [wall, mono] = [wallNow, monoNow];
      if (away_ms === null) return;
      log.warn('clock.jumped', { by_ms: Math.round(away_ms) });
      for (const handler of handlers) handler(away_ms);
    },
    say(what) {
      if (what === pulse.doing) return;
      pulse.doing = what;
      since_at = clock.now();
    },
    tell,
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
        service: of.name,
        worker: of.worker,
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

  /** The same failure again, beat after beat, is no news. */
  async function tell(): Promise<void> {
    try {
      await write();
      unwritten = '';
    } catch (error) {
      if (messageOf(error) !== unwritten) log.warn('heartbeat.failed', { error });
      unwritten = messageOf(error);
    }
  }

  const timer = setInterval(() => {
    const monoNow = clock.mono();
    // The ping says that the event loop turns and that every loop's steps end. Whether they end well is not its question:
    // nobody is helped by the restart of a service that cannot write, or whose provider is down.
    const late = [...steps].filter((step) => monoNow >= step.late_at);
    if (late.length === 0) of.notify('WATCHDOG=1');
    for (const step of late) {
      if (!step.told) log.error('step.hangs', { work: step.what });
      step.told = true;
    }
    loop_delay_ms = Math.max(0, monoNow - beaten - beat_ms);
    beaten = monoNow;
    pulse.notice();
    const refused = join(of.home.state, REFUSED);
    if (existsSync(refused)) {
      of.fatal(
        new Misconfigured(`store: the check-up found it damaged (see ${refused})`, 'restore a backup'),
      );
      return;
    }
    tell();
  }, beat_ms);
  return pulse;
}
