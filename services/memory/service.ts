/**
 * memory: makes of what was said what is remembered, and forgets it for good when told to.
 */

import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { config } from './config.ts';
import { forgetting } from './forget/forgetting.ts';

export const memory = service({
  name: 'memory',
  config,
  async start(ctx) {
    await forgetting(ctx);
    ctx.doing('watching');
  },
});

main(import.meta.filename, memory);
