/** The way into the web console: a link for one browser, once, within a minute. The link itself is written nowhere else. */

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { hashOf } from '#shared/base/access.ts';
import { systemClock } from '#shared/base/clock.ts';
import { Misconfigured, messageOf } from '#shared/base/errors.ts';
import { type Home, lockOf } from '#shared/runtime/home.ts';
import * as consoleLink from '#shared/tables/console_link.ts';
import { openHouse } from './house.ts';

const LINK_ms = 60_000;

export function webConsole(program: Command): void {
  program
    .command('console')
    .description('Print a link into the web console: for one browser, once, within a minute.')
    .option('--open', 'open it in the browser of this machine')
    .option('--end', 'end the sessions of all browsers instead')
    .action(async (options: { open?: boolean; end?: boolean }) => {
      const { home, store } = await openHouse();
      try {
        const made_at = systemClock.now();
        const made_by = userInfo().username;
        if (options.end) {
          const hash = `end ${randomBytes(8).toString('hex')}`;
          await store.commit([
            consoleLink.make({ hash, kind: 'end', made_by, made_at, expires_at: made_at }),
          ]);
          process.stdout.write('whoever was in the console is out\n');
          return;
        }
        await demandConsole(home);
        const token = randomBytes(32).toString('base64url');
        const link = { hash: hashOf(token), kind: 'in', made_by, made_at } as const;
        await store.commit([consoleLink.make({ ...link, expires_at: made_at + LINK_ms })]);
        // By number: `localhost` may lead to another program, at [::1].
        const address = `http://127.0.0.1:${await portOf(home)}/login?link=${token}`;
        process.stdout.write(`${address}\n`);
        if (options.open) await show(home, address);
      } finally {
        await store.close();
      }
    });
}

async function demandConsole(home: Home): Promise<void> {
  const { isLocked } = await import('#shared/store/liveness.ts');
  if (isLocked(lockOf(home, 'console'))) return;
  throw new Misconfigured(
    `the console is not running on ${home.directory}`,
    'start Vigil: scripts/start --no-chat; scripts/vigil status says what keeps it down',
  );
}

async function portOf(home: Home): Promise<number> {
  const { readConfig } = await import('#shared/runtime/config.ts');
  const { config } = await import('../../services/console/config.ts');
  return readConfig(home.config, { name: 'console', section: config }).own.port;
}

/** By a file that only its owner can read: what stands in a command line everybody on this machine can. */
async function show(home: Home, address: string): Promise<void> {
  const file = join(home.state, 'run', 'console.html');
  rmSync(file, { force: true });
  // `wx`: the folder is shared with the services, and a link that one of them put there is not written through.
  const page = `<!doctype html><meta http-equiv="refresh" content="0;url=${address}">\n`;
  writeFileSync(file, page, { mode: 0o600, flag: 'wx' });
  const opener = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(opener, [file], { stdio: 'ignore', detached: true });
  try {
    await once(child, 'spawn');
    child.unref();
  } catch (error) {
    process.stderr.write(`no browser could be opened (${messageOf(error)}): open the link yourself\n`);
  }
}
