/** A wall clock for a house, set from station to station (libfaketime); the monotonic one stays the machine's. */

import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { House } from './house.ts';

const libfaketime = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
].find((path) => existsSync(path));
export const noClock = libfaketime ? false : 'needs libfaketime: apt-get install faketime';

export type WallClock = {
  /** For the processes that are to go by it. */
  env: Record<string, string>;
  set(at: number): void;
  now(): number;
};

export function clockOf({ home }: Pick<House, 'home'>, begin: number): WallClock {
  const file = join(home.directory, 'clock');
  let ahead_ms = 0;
  const set = (at: number) => {
    // Whole seconds, so that what the house reads and what is reckoned here agree.
    ahead_ms = Math.round((at - Date.now()) / 1000) * 1000;
    // Renamed into place: a process that read an empty file at this moment would take it for no offset.
    writeFileSync(`${file}.new`, `${ahead_ms >= 0 ? '+' : ''}${ahead_ms / 1000}\n`);
    renameSync(`${file}.new`, file);
  };
  set(begin);
  const env = {
    LD_PRELOAD: libfaketime ?? '',
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
  return { env, set, now: () => Date.now() + ahead_ms };
}
