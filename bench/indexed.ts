/** What a bench has filled a store with, indexed as the memory service does it, without its pauses. */

import { systemClock } from '#shared/base/clock.ts';
import type { Log } from '#shared/base/log.ts';
import type { Home } from '#shared/runtime/home.ts';
import { openStore } from '#shared/store/store.ts';
import { indexer } from '../services/memory/indexing.ts';

export async function indexed(home: Home): Promise<{ messages: number; took_s: number; longest_ms: number }> {
  const silent = () => {};
  const log = { info: silent, warn: silent, error: silent } as unknown as Log;
  const store = await openStore({ directory: home.state, principal: 'memory', flush: 'normal' });
  const signal = AbortSignal.abort();
  const { look, act } = indexer({ store, home, log, clock: systemClock, doing: silent, signal });
  const began = performance.now();
  let [messages, longest_ms] = [0, 0];
  for (let batch = await look(); batch !== null; batch = await look()) {
    const from = performance.now();
    await act(batch);
    messages += batch.rows.length;
    longest_ms = Math.max(longest_ms, performance.now() - from);
  }
  await store.close();
  return { messages, took_s: (performance.now() - began) / 1000, longest_ms };
}
