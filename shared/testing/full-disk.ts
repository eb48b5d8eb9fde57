/** File systems that are full or read-only, for real: small ones in memory. They need root on Linux. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Why such a file system cannot be had here, or false when it can. Tried for real: a container's root may not mount. */
export const noSmallDisk: string | false = canMount()
  ? false
  : 'needs the right to mount a small file system (root on Linux)';

function canMount(): boolean {
  if (process.platform !== 'linux') return false;
  const directory = mkdtempSync(join(tmpdir(), 'vigil-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory]).status === 0;
  if (mounted) execFileSync('umount', [directory]);
  rmdirSync(directory);
  return mounted;
}

/** A folder on a file system of `size_kb`, unmounted after the test. */
export function smallDisk(
  t: Pick<TestContext, 'after'>,
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
