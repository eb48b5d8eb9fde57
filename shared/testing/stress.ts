/**
 * The test that every service must survive: started and stopped, ten at a time, round after round, each in a home of
 * its own, in every manner in which a start and a stop can meet. Afterwards nothing may be left: no handle, no lock, no
 * socket, no file but those that a service keeps.
 *
 *     stress(core);
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sleep } from '../base/clock.ts';
import { type Home, homeOf, lockOf, prepareHome } from '../runtime/home.ts';
import { type Running, run, type Service } from '../runtime/service.ts';
import type { Section } from '../runtime/setting.ts';
import { isLocked } from '../store/liveness.ts';
import { QUEUES } from '../tables/op.ts';
import { startBotApi } from './bot-api.ts';
import { freePort } from './ports.ts';
import { until } from './scratch.ts';

const AT_A_TIME = 10;
/** For each manner: some fifty rounds altogether, and less than 20 s for the three services on two cores. */
const ROUNDS = 12;
const TOKEN = '7000001:test-token-of-a-bot-that-is-not-there';

/** How a start and a stop can meet. */
const manners: Record<string, (running: Running, nth: number) => Promise<unknown>> = {
  'stopped when it is ready': async (running) => {
    await running.ready;
    await running.stop();
  },
  'stopped at once': (running) => running.stop(),
  'stopped while it starts': async (running, nth) => {
    await sleep(nth * 4);
    await running.stop();
  },
  'stopped twice at a time, and once more': async (running) => {
    await running.ready;
    await Promise.all([running.stop(), running.stop()]);
    await running.stop();
  },
};

export function stress<S extends Section>(definition: Service<S>): void {
  const { name } = definition;
  for (const [manner, meet] of Object.entries(manners)) {
    test(`${name} survives being started and ${manner}, ten at a time, and leaves nothing behind`, async (t) => {
      const place = mkdtempSync(join(tmpdir(), 'vigil-stress-'));
      const bot = await startBotApi({ token: TOKEN });
      t.after(async () => {
        await bot.close();
        rmSync(place, { recursive: true, force: true });
      });
      const before = open();
      for (let round = 0; round < ROUNDS; round++) {
        const homes = await Promise.all(
          Array.from({ length: AT_A_TIME }, (_, nth) => furnished(join(place, `${round}-${nth}`), bot.root)),
        );
        await Promise.all(homes.map((home, nth) => meet(run(definition, { home }), nth)));
        for (const home of homes) {
          assert.equal(isLocked(lockOf(home, name)), false);
          assert.deepEqual(strangersIn(home, name), []);
        }
      }
      await until('nothing is open that was not before', () => more(open(), before).length === 0).catch(
        (error) => {
          throw new Error(`${error.message}: ${more(open(), before)}`);
        },
      );
    });
  }
}

async function furnished(directory: string, telegram: string): Promise<Home> {
  const home = homeOf({ VIGIL_HOME: directory });
  prepareHome(home);
  const port = await freePort();
  const ports = { router: port, metrics: port + 4, console: port + 5 };
  const lines = Object.entries(ports).map(([name, its]) => `[${name}]\nport = ${its}\n`);
  writeFileSync(home.config, lines.join(''));
  const secret = `TELEGRAM_BOT_TOKEN=${TOKEN}\nTELEGRAM_API_ROOT=${telegram}\n`;
  writeFileSync(join(home.credentials, 'telegram.env'), secret, { mode: 0o600 });
  return home;
}

/** What keeps this process alive. */
function open(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((kind) => !['Immediate', 'FSReqCallback', 'FSReqPromise'].includes(kind));
}

/** What is open now beyond what was open before. */
function more(now: string[], before: string[]): string[] {
  const left = [...before];
  return now.filter((kind) => {
    const at = left.indexOf(kind);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** The files of a home that no stopped service keeps. */
function strangersIn(home: Home, name: string): string[] {
  const kept = [
    /^config\.toml$/,
    /^credentials\/(router|telegram)\.env$/,
    new RegExp(`^logs/${name}/${name}\\.\\d+\\.log$`),
    new RegExp(`^state/run/${name}\\.lock$`),
    /^state\/vigil\.db$/,
    /^state\/run\/sandbox\/(group|hosts|passwd)$/,
    new RegExp(`^state/bells/(${QUEUES.join('|')}|halt)$`),
  ];
  return readdirSync(home.directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(home.directory.length + 1))
    .filter((path) => !kept.some((pattern) => pattern.test(path)));
}
