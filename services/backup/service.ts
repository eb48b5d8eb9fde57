/** backup: verified snapshots and their copies elsewhere, retention, pruning. */

import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { config } from './config.ts';

export const backup = service({
  name: 'backup',
  config,
  async start(ctx) {
    ctx.doing('waiting for work');
  },
});

main(import.meta.filename, backup);
