/** The facts that are measured beside the store: its file, its disk, the switches, which services have work here. */

import { existsSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { quietUntil } from '../base/quiet.ts';
import { services } from '../manifest.ts';
import type { Facts } from '../metrics/gauges.ts';
import { walBytes } from '../store/inspect.ts';
import type { Context } from './context.ts';

/** @param watched_from_at when the machine woke last or its clock was set, as far as it was seen; else 0 */
export async function factsOf(
  ctx: Pick<Context<unknown>, 'home' | 'halt' | 'shared' | 'store' | 'clock'>,
  watched_from_at: number,
): Promise<Facts> {
  const { home, halt, shared, store, clock } = ctx;
  return {
    halted: halt.on(),
    quiet: quietUntil(shared.owner.quiet, clock.now()) !== null,
    off: offIn(home),
    watched_from_at,
    budget: shared.budget,
    disk_free_bytes: await freeBytes(home.state),
    store_bytes: statSync(store.file, { throwIfNoEntry: false })?.size ?? 0,
    wal_bytes: walBytes(store.file),
  };
}

/** Credentials that were handed over are each service's own: whoever has never beaten is then taken to be off. */
function offIn({ handedOver, credentials }: Context<unknown>['home']): Set<string> {
  const off = services.filter(
    ({ needs }) => needs && !handedOver && !existsSync(join(credentials, `${needs}.env`)),
  );
  return new Set(off.map(({ name }) => name));
}

export async function freeBytes(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    // Nothing is known of it then, which is told as that.
    return null;
  }
}
