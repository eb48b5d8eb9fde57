/**
 * router: the model routing proxy, the only process that holds provider keys.
 *
 * It speaks the Anthropic Messages API on a Unix socket to the suite, and on 127.0.0.1 to any Anthropic client that
 * has the local access key. Each call is a ledger row: opened with the most it can cost before anything leaves, and
 * settled with what it did. Without a provider's key it asks the rehearsal model, over the same path.
 *
 * When it dies, calls in flight break off at both ends; the next router charges their reservations in full, and those
 * who asked ask again.
 */

import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Misconfigured } from '#shared/base/errors.ts';
import { uuid } from '#shared/base/ids.ts';
import { sendError } from '#shared/messages/answer.ts';
import { ApiError } from '#shared/messages/error.ts';
import { keyOf } from '#shared/messages/request.ts';
import type { Context } from '#shared/runtime/context.ts';
import { socketOf } from '#shared/runtime/home.ts';
import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import * as call from '#shared/tables/call.ts';
import { config } from './config.ts';
import { forward, type Router } from './forward.ts';
import { type Provider, providerOf } from './provider.ts';

/** Calls in flight are given so long to end by themselves when the router is told to stop. */
const GRACE_ms = 10_000;

export const router = service({
  name: 'router',
  config,
  async start(ctx) {
    const key = ctx.secret('router')?.VIGIL_ROUTER_KEY;
    if (!key) {
      throw new Misconfigured(
        `credentials: ${join(ctx.home.credentials, 'router.env')} has no VIGIL_ROUTER_KEY`,
        'add a line VIGIL_ROUTER_KEY=<a long random word>, or remove the file: scripts/start makes a new one',
      );
    }
    const abandoned = await ctx.store.commit([call.abandon(ctx.instance, ctx.clock.now())]);
    if (abandoned[0].length > 0) ctx.log.warn('calls.abandoned', { calls: abandoned[0].length });

    const provider = providerOf(ctx.secret('anthropic')) ?? (await rehearsal(ctx));
    ctx.doing(
      provider.name === 'rehearsal' ? 'rehearsing: there is no API key' : `asking ${provider.base.origin}`,
    );
    const ending = new AbortController();
    ctx.signal.addEventListener('abort', () => setTimeout(() => ending.abort(), GRACE_ms).unref(), {
      once: true,
    });
    const routing: Router = {
      store: ctx.store,
      persist: ctx.persist,
      log: ctx.log,
      clock: ctx.clock,
      instance: ctx.instance,
      provider,
      idle_ms: ctx.shared.model.idle_s * 1000,
      signal: ending.signal,
    };

    function answer(caller: (incoming: IncomingMessage) => string | null) {
      const server = createServer(
        { noDelay: true },
        (incoming: IncomingMessage, outgoing: ServerResponse) => {
          const id = () => uuid(ctx.clock.now());
          const who = caller(incoming);
          if (who === null)
            return sendError(outgoing, new ApiError('authentication_error', 'invalid x-api-key'), id());
          const path = incoming.url?.split('?')[0];
          if (path !== '/v1/messages') {
            return sendError(
              outgoing,
              new ApiError('not_found_error', `router: no such path: ${path}`),
              id(),
            );
          }
          if (incoming.method !== 'POST') {
            return sendError(
              outgoing,
              new ApiError('invalid_request_error', 'router: expected POST', {
                status: 405,
                headers: { allow: 'POST' },
              }),
              id(),
            );
          }
          return forward(routing, who, incoming, outgoing);
        },
      );
      // A client may think for longer than Node's five seconds between two calls on one connection.
      server.keepAliveTimeout = 65_000;
      return server;
    }
    await ctx.listen(
      answer(() => 'suite'),
      { path: socketOf(ctx.home, 'router') },
    );
    await ctx.listen(
      answer((incoming) => (isKey(key, incoming) ? 'local' : null)),
      { host: '127.0.0.1', port: ctx.config.port },
    );
  },
});

/** In either of the two headers that Anthropic's clients use; compared in constant time. */
function isKey(key: string, incoming: IncomingMessage): boolean {
  const given = Buffer.from(keyOf(incoming.headers) ?? '');
  const wanted = Buffer.from(key);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function rehearsal(ctx: Context<unknown>): Promise<Provider> {
  const { startRehearsal } = await import('#shared/messages/rehearsal.ts');
  const path = socketOf(ctx.home, 'rehearsal');
  const file = join(ctx.home.credentials, 'anthropic.env');
  const server = await startRehearsal({
    listen: { path },
    keyHint: `put ANTHROPIC_API_KEY=<your key> into ${file} (chmod 600) and start Vigil again`,
  });
  ctx.onEnd(server.close);
  return { name: 'rehearsal', base: new URL('http://rehearsal'), key: 'rehearsal', socketPath: path };
}

main(import.meta.filename, router);
