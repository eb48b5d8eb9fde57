/** Asks the service to change what is remembered, and waits for what comes of it. */

import { userInfo } from 'node:os';
import { sleep, systemClock } from '#shared/base/clock.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import type { Home } from '#shared/runtime/home.ts';
import type { Store } from '#shared/store/store.ts';
import * as memories from '#shared/tables/memory.ts';
import * as memory_run from '#shared/tables/memory_run.ts';
import * as wishes from '#shared/tables/wish.ts';
import { harmless } from '../explain.ts';
import { openHouse } from '../house.ts';

/** Without a scope it is that of the memory or run which it is about, else the owner's. */
export type Wished = Pick<wishes.Asked, 'kind' | 'text' | 'memory_id' | 'run_id'> & { scope?: string };

export async function wish(wished: Wished): Promise<void> {
  const house = await openHouse();
  try {
    await carried(house, { ...wished, scope: wished.scope ?? (await scopeOf(house.store, wished)) });
  } finally {
    await house.store.close();
  }
}

async function scopeOf(store: Store, { memory_id, run_id }: Wished): Promise<string> {
  if (memory_id) return (await known(store, memory_id)).scope;
  if (run_id) return (await knownRun(store, run_id)).scope;
  return 'owner';
}

export async function known(store: Store, id: number): Promise<memories.Memory> {
  const [found] = await store.read(memories.of(id));
  if (found) return found;
  throw unknown(id);
}

export function unknown(id: number): Misconfigured {
  return new Misconfigured(`memory: there is no memory ${id}`, 'vigil memory list --status all shows them');
}

export async function knownRun(store: Store, id: number): Promise<memory_run.Run> {
  const [found] = await store.read(memory_run.of(id));
  if (found) return found;
  throw new Misconfigured(`memory: there is no run ${id}`, 'vigil memory runs shows them');
}

/** After that long somebody who waits is told so. */
const QUICK_ms = 1000;

export async function carried(
  { home, store }: { home: Home; store: Store },
  asked: Omit<wishes.Asked, 'given_by' | 'at'>,
): Promise<void> {
  const [[row]] = await store.commit([
    wishes.post({ ...asked, given_by: userInfo().username, at: systemClock.now() }),
  ]);
  if (!row) throw new Error('wish.post: no row came back');
  // Not before it is asked for: --help stays quick.
  const { idleBecause } = await import('#shared/runtime/idle.ts');
  const began = systemClock.mono();
  for (;;) {
    const [found] = await store.read(wishes.of(row.id));
    const waited_ms = systemClock.mono() - began;
    const idle = found?.state === 'pending' ? idleBecause(home, 'memory') : null;
    if (found?.state !== 'pending' || idle !== null) {
      if (waited_ms > QUICK_ms) progress('');
      // EX_TEMPFAIL of sysexits.h: it is kept, and not done yet.
      if (idle !== null) process.exitCode = 75;
      if (found?.state === 'refused') process.exitCode = 1;
      const text =
        idle === null ? `${harmless(found?.outcome ?? 'done')}\n` : `kept as wish ${row.id}: ${idle}\n`;
      (process.exitCode ? process.stderr : process.stdout).write(text);
      return;
    }
    if (waited_ms > QUICK_ms)
      progress(`memory is at it for ${Math.floor(waited_ms / 1000)} s; Ctrl-C leaves, and it goes on`);
    await sleep(waited_ms > QUICK_ms ? 200 : 20);
  }
}

function progress(words: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${words}`);
}
