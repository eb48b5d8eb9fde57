/**
 * console: the web console: how all is, what was done and why, the local chat, and the halt.
 *
 * It owns who may look and what was done there. All else it reads, and changes by the mailboxes that anybody may post to. It
 * stays up while all is halted.
 */

import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { config } from './config.ts';

export const webConsole = service({
  name: 'console',
  config,
  async start(ctx) {
    const app = new Hono();
    app.get('/', (visitor) => visitor.text('The console is being built.', 401));
    const server = createAdaptorServer({ fetch: app.fetch });
    if (!('closeIdleConnections' in server)) throw new Error('console: expected a server of HTTP/1');
    await ctx.listen(server, { host: '127.0.0.1', port: ctx.config.port });
    ctx.doing('waiting for visitors');
  },
});

main(import.meta.filename, webConsole);
