/**
 * Asks for another release that is still here. The console has no right to switch: a file with the release's name asks,
 * in a folder that nobody else may write to, and systemd's path unit has `vigil rollback --asked` read that name alone.
 * launchd has no such unit; there the console is the user whose installation it is, and starts the same program itself.
 */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Home } from './home.ts';
import { onMac } from './launchctl.ts';
import type { Prefixed } from './releases.ts';

/** More often none is carried out: nobody shall keep the house going to and fro. */
export const EVERY_ms = 60_000;

export function askForRollback(home: Home, { prefix }: Prefixed, version: string): void {
  mkdirSync(home.rollbacks, { recursive: true, mode: 0o700 });
  writeFileSync(join(home.rollbacks, version), '');
  if (!onMac) return;
  // In a group and without a name of launchd's own: it outlives the service that it restarts.
  const { XPC_SERVICE_NAME: _, ...env } = process.env;
  const program = join(prefix, 'current', 'bin', 'vigil');
  spawn(program, ['rollback', '--asked'], { detached: true, stdio: 'ignore', env }).unref();
}

/** What is asked for and was not taken yet. */
export function askedIn({ rollbacks }: Home): string[] {
  return existsSync(rollbacks) ? readdirSync(rollbacks) : [];
}
