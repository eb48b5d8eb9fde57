/**
 * Vectors, where [memory] embed names a model that makes them. Where it names none, there is neither a row nor a call, and
 * nothing of it is loaded.
 */

import { embedAt } from '#shared/recall/embed.ts';
import type { Context } from '#shared/runtime/context.ts';
import { socketOf } from '#shared/runtime/home.ts';
import type { Store } from '#shared/store/store.ts';
import * as embedding from '#shared/tables/embedding.ts';
import * as embedding_trial from '#shared/tables/embedding_trial.ts';
import type { Config } from '../config.ts';

export async function vectors(ctx: Context<Config>): Promise<void> {
  if (ctx.config.embed === '') {
    ctx.work({ name: 'vectors', idle_ms: 86_400_000, ...clearing(ctx.store) });
    return;
  }
  const ask = embedAt(socketOf(ctx.home, 'router'));
  const headers = {
    'x-vigil-service': 'memory',
    'x-vigil-conversation': 'memory',
    'x-vigil-unasked': '1',
    'x-vigil-day-usd': String(ctx.config.day_usd),
  };
  const { maker } = await import('./making.ts');
  const work = maker(ctx, (asked) => ask({ ...asked, headers }));
  ctx.work({ name: 'vectors', halts: true, idle_ms: 30_000, ...work });
}

/** What was made before goes, when no more are wanted; some at once, so that nobody waits for it. */
function clearing(store: Store) {
  return {
    async look(): Promise<true | null> {
      const rows = [...(await store.read(embedding.any)), ...(await store.read(embedding_trial.latest))];
      return rows.length > 0 ? true : null;
    },
    act: async () => void (await store.commit([embedding_trial.clear, embedding.clear(500)])),
  };
}
