import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { sleep } from '#shared/base/clock.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { nearest } from '#shared/base/spelling.ts';
import { type ServiceName, services } from '#shared/manifest.ts';
import { type Home, homeOf, lockOf } from '#shared/runtime/home.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import { demandRights, type Installed, installed, since } from './host.ts';
import { openHouse } from './house.ts';
import { hurt, late } from './upgrade.ts';

const PATIENCE_ms = 30_000;

export function restart(program: Command): void {
  program
    .command('restart')
    .description('Start services anew; all of them when none is named.')
    .argument('[service...]', 'which', serviceNames, [])
    .action(async (names: ServiceName[]) => {
      const host = installed();
      if (host) await restartInstalled(host, names);
      else await restartSuite(homeOf(), names);
    });
}

/** Collects arguments; a name that is none is told what it may have been meant to be. */
export function serviceNames(value: string, before: ServiceName[]): ServiceName[] {
  const found = services.find(({ name }) => name === value);
  if (found) return [...before, found.name];
  const names = services.map(({ name }) => name);
  const near = nearest(value, names);
  throw new InvalidArgumentError(
    near ? `did you mean '${near}'?` : `expected one or more of ${names.join(', ')}`,
  );
}

async function restartInstalled(host: Installed, named: ServiceName[]): Promise<void> {
  demandRights(host, 'a restart');
  const began = performance.now();
  const { gate, meantToRun } = await import('../host/gate.ts');
  const { insist } = await import('../host/insist.ts');
  const { linked } = await import('#shared/runtime/releases.ts');
  const { place, supervisor } = host;
  const names = named.length > 0 ? named : await meantToRun(place.home, supervisor);
  await insist({ home: place.home, supervisor }, supervisor.restart(names), PATIENCE_ms);
  const version = linked(place, 'current') ?? '';
  const within_ms = PATIENCE_ms;
  const verdict = await gate({ home: place.home, supervisor, version, expected: names, within_ms });
  process.stdout.write(
    `${verdict.ready.length} of ${names.length} ready again, in ${since(began)}\n${late(verdict.late)}`,
  );
  if (hurt(verdict.late)) process.exitCode = 1;
}

/** Asks the foreground suite, as the watchdog does, by a file named for the service. */
export async function restartSuite(home: Home, named: ServiceName[]): Promise<void> {
  const began = performance.now();
  const { isLocked } = await import('#shared/store/liveness.ts');
  const running = services.map(({ name }) => name).filter((name) => isLocked(lockOf(home, name)));
  const names = named.length > 0 ? named : running;
  const down = names.filter((name) => !running.includes(name));
  if (names.length === 0 || down.length > 0) {
    throw new Misconfigured(
      `restart: ${down.join(', ') || 'nothing'} does not run on ${home.directory}`,
      'start it: scripts/start --no-chat',
    );
  }
  const { store } = await openHouse();
  try {
    const instances = async () =>
      new Map(
        (await store.read(heartbeat.all))
          .filter(({ worker }) => worker === 0)
          .map(({ service, instance, phase }) => [service, { instance, phase }]),
      );
    const before = await instances();
    mkdirSync(home.restarts, { recursive: true, mode: 0o700 });
    for (const name of names) {
      writeFileSync(join(home.restarts, name), `vigil restart, by ${userInfo().username}\n`);
    }
    for (;;) {
      const now = await instances();
      const waits = names.filter((name) => {
        const row = now.get(name);
        return row?.phase !== 'ready' || row.instance === before.get(name)?.instance;
      });
      if (waits.length === 0) break;
      if (performance.now() - began > PATIENCE_ms) {
        throw new Misconfigured(
          `restart: ${waits.join(', ')} did not come back within ${PATIENCE_ms / 1000} s`,
          'see what vigil status and vigil logs say',
        );
      }
      await sleep(100);
    }
    process.stdout.write(`${names.join(', ')}: ready again, in ${since(began)}\n`);
  } finally {
    await store.close();
  }
}
