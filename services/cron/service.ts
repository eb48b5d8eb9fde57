/** cron: turns due schedules into work; every due slot is a row. */

import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { config } from './config.ts';

export const cron = service({
  name: 'cron',
  config,
  async start(ctx) {
    ctx.doing('waiting for work');
  },
});

main(import.meta.filename, cron);
