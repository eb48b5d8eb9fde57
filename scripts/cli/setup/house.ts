/** The house while the setup needs one: the one that runs, or its own, which ends with the need. */

import { existsSync, lchownSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, Misconfigured } from '#shared/base/errors.ts';
import { root } from '#shared/base/root.ts';
import type { ServiceName } from '#shared/manifest.ts';
import { type Home, lockOf, prepareHome } from '#shared/runtime/home.ts';
import { programs, startSuite } from '#shared/runtime/suite.ts';
import { isLocked } from '#shared/store/liveness.ts';
import { suiteRuns } from '../../host/foreground.ts';
import { supervisorOf } from '../../host/host.ts';
import type { Visit } from './step.ts';

const START_ms = 10_000;
const LOOK_ms = 100;

type Where = Pick<Visit, 'home' | 'place'>;

export function runs(home: Home, service: ServiceName): boolean {
  return isLocked(lockOf(home, service));
}

/** What root has made in somebody's checkout is theirs: who runs there as themselves could not read it. */
export function giveBack({ directory }: Home): void {
  const { uid, gid } = statSync(dirname(directory));
  if (process.getuid?.() !== 0 || uid === 0) return;
  const below = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  for (const name of ['.', ...below]) {
    try {
      lchownSync(join(directory, name), uid, gid);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error; // a file of a house that runs
    }
  }
}

/** A house that runs takes what has changed up when its services are started again. */
export async function renew({ home, place }: Where, services: readonly ServiceName[]): Promise<void> {
  if (place) return supervisorOf(place).restart(services);
  if (!(await suiteRuns(home))) return;
  giveBack(home);
  for (const service of services) {
    mkdirSync(home.restarts, { recursive: true, mode: 0o700 });
    writeFileSync(join(home.restarts, service), 'vigil setup has changed what it reads\n', { mode: 0o660 });
  }
}

/** @throws Misconfigured when `wanted` does not come up, with its own words */
export async function withHouse<Result>(
  { home, place }: Where,
  wanted: ServiceName,
  work: () => Promise<Result>,
): Promise<Result> {
  const foreground = !place && (await suiteRuns(home));
  // It has just been asked to start what had nothing to do before.
  const until = performance.now() + (foreground || place ? START_ms : 0);
  while (!runs(home, wanted) && performance.now() < until) await sleep(LOOK_ms);
  if (runs(home, wanted)) return work();
  if (place || foreground) {
    throw new Misconfigured(
      `setup: ${wanted} does not run on ${home.directory}`,
      place ? 'see why: vigil doctor' : 'stop Vigil (Ctrl-C where it runs), and go on: vigil setup',
    );
  }
  prepareHome(home);
  const said: string[] = [];
  const suite = await startSuite({ home, program, say: (text) => void said.push(text), console: 'off' });
  try {
    const { ready } = await suite.ready;
    if (!ready.includes(wanted)) {
      const [what = `${wanted} does not start`, cure = 'see its log'] = said
        .filter((text) => text.startsWith(`${wanted}: `))
        .join('')
        .trim()
        .split('\n  cure: ');
      throw new Misconfigured(what, cure);
    }
    return await work();
  } finally {
    suite.stop();
    await suite.ended;
  }
}

/** What lies beside this very code: a release's programs, bundles, or sources. */
function program(name: ServiceName): string {
  const released = join(root, 'services', `${name}.cjs`);
  if (existsSync(released)) return released;
  return programs(import.meta.filename.endsWith('.ts') ? undefined : join(root, '.build', 'services'))(name);
}
