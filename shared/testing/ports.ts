/** Ports for servers of tests, of which several processes run side by side. */

import { randomInt } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';

/** Blocks of 8, below the ports that systems give to outgoing connections: one of those could take it while its server is down. */
const BLOCKS = { first: 2_500, count: 1_472 };
let next = randomInt(BLOCKS.count);
const mine = new Set<string>();
process.once('exit', () => {
  for (const claim of mine) rmSync(claim, { force: true });
});

/**
 * Six in a row that nobody listens on, and that no other process of tests is given while this one lives. The router's
 * further workers listen at those that follow the first, then metrics (+ 4) and console (+ 5).
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 8 * (BLOCKS.first + (next++ % BLOCKS.count));
    if (!claimed(join(tmpdir(), `vigil-port-${userInfo().uid}-${port}`))) continue;
    const free = await Promise.all([0, 1, 2, 3, 4, 5].map((nth) => isFree(port + nth)));
    if (free.every(Boolean)) return port;
  }
}

/** Whether it is this process that has it, now or since before. What a process left behind that is gone is anybody's. */
function claimed(claim: string): boolean {
  if (mine.has(claim)) return true;
  try {
    writeFileSync(claim, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    if (isHeld(claim)) return false;
    // Whoever comes by next may have it.
    rmSync(claim, { force: true });
    return false;
  }
  mine.add(claim);
  return true;
}

function isHeld(claim: string): boolean {
  try {
    process.kill(Number(readFileSync(claim, 'utf8')), 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) =>
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)),
  );
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}
