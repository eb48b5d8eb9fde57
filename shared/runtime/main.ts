/**
 * A service as a process: its file's last line is one call of this. Exit codes say what the supervisor shall do:
 * 143 after a drained SIGTERM, 78 (EX_CONFIG of sysexits.h) when a person must act, 1 when it is to be restarted.
 */

import { realpathSync } from 'node:fs';
import { sleep } from '../base/clock.ts';
import { Misconfigured } from '../base/errors.ts';
import { sourced } from '../base/sources.ts';
import type { ServiceName } from '../manifest.ts';
import { labelOf } from '../units/launchd.ts';
import { homeOf, umaskOf } from './home.ts';
import { notifier } from './notify.ts';
import { type Running, run, type Service } from './service.ts';
import type { Section } from './setting.ts';

/** A process that is crashing has so long to write down why. */
const LAST_WORDS_ms = 500;

/** Runs the service if `filename` is the program that was started; otherwise its module was only imported. */
export function main<S extends Section>(filename: string, definition: Service<S>): void {
  if (realpathSync(process.argv[1] ?? '') !== filename) return;
  const home = homeOf();
  process.umask(umaskOf(home));
  let running: Running | undefined;
  let code: number | undefined;

  function stop(because: number): void {
    code ??= because;
    // What brings it down is told below, where its end is awaited.
    running?.stop().catch(() => {});
  }
  process.on('SIGTERM', () => stop(143));
  process.on('SIGINT', () => stop(130));
  const notify = notifier(() => stop(143));
  const console = process.env.VIGIL_CONSOLE === 'off' ? 'off' : 'human';

  running = run(definition, {
    home,
    worker: Number(process.env.VIGIL_WORKER ?? 0),
    notify,
    console,
    standby: (message) => tell(`${definition.name}: ${message}`),
  });
  const { log, ended } = running;

  async function crash(error: unknown): Promise<never> {
    (await log.catch(() => undefined))?.fatal('process.crashed', { error });
    await Promise.race([running?.noted(), sleep(LAST_WORDS_ms)]);
    process.exit(1);
  }
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);

  ended.then(
    () => process.exit(code ?? 0),
    (error) => {
      tell(
        `${definition.name}: ${error instanceof Misconfigured ? error.message : sourced(String(error?.stack ?? error))}`,
      );
      process.exit(error instanceof Misconfigured ? stayDown(definition.name) : 1);
    },
  );
}

function tell(message: string): void {
  process.stderr.write(`${message}\n`);
}

/** launchd restarts whatever exits with another code than 0; systemd and our own supervisor know 78. */
function stayDown(name: ServiceName): number {
  // On a Mac every program has the name of a job: that of the terminal, say.
  return process.env.XPC_SERVICE_NAME === labelOf(name) ? 0 : 78;
}
