/**
 * console: the web console: how all is, what was done and why, the local chat, and the halt.
 *
 * It owns who may look and what was done there. All else it reads, and changes by the mailboxes that anybody may post to. It
 * stays up while all is halted.
 */

import { createServer } from 'node:http';
import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { config } from './config.ts';
import { router } from './route.ts';

/** Browsers open connections that they may need; those hold up no end. */
const LINGER_ms = 1000;

export const webConsole = service({
  name: 'console',
  config,
  async start(ctx) {
    const server = createServer(router(ctx));
    ctx.signal.addEventListener('abort', () => {
      const linger = setTimeout(() => server.closeAllConnections(), LINGER_ms).unref();
      server.once('close', () => clearTimeout(linger));
    });
    await ctx.listen(server, { host: '127.0.0.1', port: ctx.config.port });
    ctx.doing('waiting for visitors');
  },
});

main(import.meta.filename, webConsole);
