/**
 * The HTTP side: `/metrics`, `/health`, `/health/live`, `/health/ready`, on 127.0.0.1 alone, for reading alone. A page in a
 * browser here must not read it under a name of its own that points to this machine: the Host must be this machine's.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { gaugesOf } from '#shared/metrics/gauges.ts';
import type { Context } from '#shared/runtime/context.ts';
import { factsOf } from '#shared/runtime/facts.ts';
import * as metric from '#shared/tables/metric.ts';
import type { Config } from './config.ts';
import { examining } from './examine.ts';
import type { Folding } from './fold.ts';
import { CONTENT_TYPE, render } from './render.ts';

const JSON_TYPE = 'application/json; charset=utf-8';
const TEXT_TYPE = 'text/plain; charset=utf-8';

type Answer = { status: number; type: string; body: string; headers?: Record<string, string> };

export async function serving(ctx: Context<Config>, fold: Folding, watchedFrom: () => number): Promise<void> {
  const health = examining(ctx, watchedFrom);
  const pages: Record<string, () => Promise<Answer>> = {
    '/metrics': async () => ({
      status: 200,
      type: CONTENT_TYPE,
      body: await scrape(ctx, fold, watchedFrom()),
    }),
    '/health': async () => {
      const found = await health();
      return json(found.status === 'unhealthy' ? 503 : 200, found);
    },
    '/health/live': async () => json(200, { status: 'live' }),
    '/health/ready': async () => {
      const { ready, checks } = await health();
      return json(ready ? 200 : 503, { ready, checks });
    },
  };

  async function answer({ method, url, headers: { host } }: IncomingMessage): Promise<Answer> {
    if (!/^(127\.0\.0\.1|localhost)(:\d{1,5})?$/i.test(host ?? '')) {
      return text(421, 'metrics: expected the Host 127.0.0.1 or localhost');
    }
    const page = pages[url?.split('?', 1)[0] ?? ''];
    if (!page) return text(404, `metrics: there is ${Object.keys(pages).join(', ')}`);
    if (method !== 'GET' && method !== 'HEAD') {
      return { ...text(405, 'metrics: only GET and HEAD'), headers: { allow: 'GET, HEAD' } };
    }
    return page();
  }

  const server = createServer(async (incoming, outgoing) => {
    const answered = await answer(incoming).catch((error) => {
      ctx.log.error('request.failed', { error });
      return text(500, 'metrics: it failed; the log says why');
    });
    send(outgoing, answered);
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  await ctx.listen(server, { host: '127.0.0.1', port: ctx.config.port });
}

async function scrape(ctx: Context<Config>, fold: Folding, watched_from_at: number): Promise<string> {
  // What is counted already is told all the same.
  await fold.fresh().catch((error) => ctx.log.warn('fold.failed', { error }));
  const { store, clock } = ctx;
  const [counted, measured] = await Promise.all([
    store.read(metric.all),
    factsOf(ctx, watched_from_at).then((facts) => gaugesOf(store.read, facts, clock.now())),
  ]);
  return render(counted, measured);
}

function json(status: number, what: unknown): Answer {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(what)}\n` };
}

function text(status: number, body: string): Answer {
  return { status, type: TEXT_TYPE, body: `${body}\n` };
}

function send(outgoing: ServerResponse, { status, type, body, headers }: Answer): void {
  outgoing.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  outgoing.end(body);
}
