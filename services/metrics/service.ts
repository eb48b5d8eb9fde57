/**
 * metrics: counts what happens, for Prometheus and for the console, and says how all is.
 *
 * It folds the rows that the others write anyway into counters that only grow, over restarts too: what is counted and how far
 * it has come are one commit. It owns `metric`, `metric_hour`, `fold`, `presence` and what measures the answers. Without it
 * nothing is lost: it counts later.
 */

import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { config } from './config.ts';
import { folding } from './fold.ts';
import { sampling } from './presence.ts';
import { quality } from './quality/quality.ts';
import { serving } from './serve.ts';

export const metrics = service({
  name: 'metrics',
  config,
  async start(ctx) {
    // Silence is judged by what could have been heard: not while the machine slept.
    let watched_from_at = 0;
    ctx.onJump(() => {
      watched_from_at = ctx.clock.now();
    });
    const watchedFrom = () => watched_from_at;
    const fold = folding(ctx);
    sampling(ctx, watchedFrom);
    await serving(ctx, fold, watchedFrom);
    quality(ctx);
    ctx.doing('counting');
  },
});

main(import.meta.filename, metrics);
