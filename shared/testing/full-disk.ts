/** File systems that are full or read-only, for real: small ones in memory. They need root on Linux. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Why such a file system cannot be had here, or false when it can. */
export const noSmallDisk: string | false =
  process.platform === 'linux' && process.getuid?.() === 0
    ? false
    : 'needs root on Linux, to mount a small file system';

/** A folder on a file system of `size_kb`, unmounted after the test. */
export function smallDisk(
  t: TestContext,
  size_kb: number,
): { directory: string; remount(how: 'ro' | 'rw'): void } {
  const directory = mkdtempSync(join(tmpdir(), 'vigil-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size_kb}k,mode=0700`, 'tmpfs', directory]);
  t.after(() => {
    execFileSync('umount', ['-l', directory]);
    rmdirSync(directory);
  });
  return {
    directory,
    remount: (how) => void execFileSync('mount', ['-o', `remount,${how}`, directory]),
  };
}
