/** tools: runs the agent's tool calls, each as far as it is allowed to, programs in a sandbox. */

import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { config } from './config.ts';

export const tools = service({
  name: 'tools',
  config,
  async start(ctx) {
    ctx.doing('waiting for calls');
  },
});

main(import.meta.filename, tools);
