/**
 * upstream: watches what the house depends on, and says once what changed there and what to do about it.
 */

import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { config } from './config.ts';

export const upstream = service({
  name: 'upstream',
  config,
  async start(ctx) {
    ctx.doing('watching');
  },
});

main(import.meta.filename, upstream);
