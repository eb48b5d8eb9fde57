/** What a client on this machine shows the router: a key of 256 random bits, known to the store by its hash alone. */

import { createHash, randomBytes } from 'node:crypto';

export function newAccessKey(): { key: string; hash: string } {
  const key = `vigil-${randomBytes(32).toString('base64url')}`;
  return { key, hash: hashOf(key) };
}

/** SHA-256, in hex. */
export function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
