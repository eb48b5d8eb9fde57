/**
 * memory: makes of what was said what is remembered, and forgets it for good when told to.
 */

import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { config } from './config.ts';
import { indexing } from './indexing.ts';

export const memory = service({
  name: 'memory',
  config,
  async start(ctx) {
    ctx.doing('watching');
    indexing(ctx);
  },
});

main(import.meta.filename, memory);
