/** Whether programs run in the sandbox here, found out without the service: a way out is there, and leads nowhere. */

import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { type Home, prepareSocket, socketOf } from '#shared/runtime/home.ts';
import { openDoor } from './door.ts';
import { openSandbox } from './sandbox.ts';

/** Null when it works, else what stands in the way and its cure. */
export async function probeSandbox(home: Home): Promise<string | null> {
  const folder = dirname(socketOf(home, 'egress'));
  const path =
    process.platform === 'darwin' ? null : join(folder, `probe-${randomBytes(6).toString('hex')}.sock`);
  if (path !== null) prepareSocket(path);
  const egress = { admit: () => openDoor(path, { hosts: [], lan: [] }, () => {}) };
  const sandbox = await openSandbox({ home, shares: async () => [], egress });
  return sandbox.available ? null : sandbox.why;
}
