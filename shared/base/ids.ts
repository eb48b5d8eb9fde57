/** Names for things: uuids that sort by time, the machine's boot, this process. */

import { execFileSync } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Random bytes for many ids at once: each asking of the system costs more than all the rest of an id. */
const pool = Buffer.allocUnsafe(16 * 256);
let used = pool.length;

/** A UUID version 7 (RFC 9562): the first 48 bits are `now`, so that an index over ids grows at its end. */
export function uuid(now: number): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = pool.subarray(used, used + 16);
  used += 16;
  bytes.writeUIntBE(now, 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

let known: string | undefined;

/** An id that changes at every boot of the machine: the kernel's own on Linux, the boot time's hash on macOS. */
export function bootId(): string {
  known ??=
    process.platform === 'linux'
      ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
      : createHash('sha256')
          .update(execFileSync('/usr/sbin/sysctl', ['-n', 'kern.boottime']))
          .digest('hex')
          .slice(0, 32);
  return known;
}
