/** watchdog: sees that everything beats and moves, has it restarted, and tells the owner by itself. */

import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { config } from './config.ts';

export const watchdog = service({
  name: 'watchdog',
  config,
  async start(ctx) {
    ctx.doing('waiting for work');
  },
});

main(import.meta.filename, watchdog);
