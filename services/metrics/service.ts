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
import { quality } from './quality/quality.ts';

export const metrics = service({
  name: 'metrics',
  config,
  async start(ctx) {
    ctx.doing('counting');
    quality(ctx);
  },
});

main(import.meta.filename, metrics);
