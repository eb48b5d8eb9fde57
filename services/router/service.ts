/**
 * router: the model routing proxy, the only process that holds provider keys.
 *
 * It speaks the Anthropic Messages API, and OpenAI's for vectors, on a Unix socket to the suite, and on 127.0.0.1 to any Anthropic client that has
 * an access key. An alias or a model's name becomes a target; a call leaves only when every budget and limit has room
 * for the most it can cost, and is settled with what it did cost. What fails is tried again, elsewhere if need be, until
 * the first content has reached the client. Without a provider's key it asks the rehearsal model, over the same path.
 *
 * It owns `call`, `batch`, `spend`, `total`, `breaker`, `throttle`, `exchange` and `replay`. Several processes may share them (its
 * workers). When one dies, calls in flight break off at both ends; the next to look charges their reservations in full,
 * and those who asked ask again.
 */

import { statSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { hashOf } from '#shared/base/access.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { nanousdOf } from '#shared/base/money.ts';
import { periodOf } from '#shared/base/period.ts';
import { ApiError } from '#shared/messages/error.ts';
import { keyOf } from '#shared/messages/request.ts';
import type { Budget } from '#shared/runtime/budgets.ts';
import { readSection, shared } from '#shared/runtime/config.ts';
import type { Context } from '#shared/runtime/context.ts';
import { haltedBecause } from '#shared/runtime/halt.ts';
import { lockOf, roleOf, socketOf } from '#shared/runtime/home.ts';
import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { tryLock } from '#shared/store/liveness.ts';
import * as access_key from '#shared/tables/access_key.ts';
import * as breaker from '#shared/tables/breaker.ts';
import * as call from '#shared/tables/call.ts';
import * as exchange from '#shared/tables/exchange.ts';
import * as replay from '#shared/tables/replay.ts';
import * as spend from '#shared/tables/spend.ts';
import * as total from '#shared/tables/total.ts';
import { BATCHES } from './batch/ask.ts';
import { pollBatches } from './batch/settle.ts';
import { batches } from './batch.ts';
import { type Asked, askedOf, bodyOf, vectorsAskedOf } from './body.ts';
import { alerts, type Caller } from './budget.ts';
import { answerCanary, isCanary } from './canary.ts';
import { type Config, config } from './config.ts';
import { edge } from './edge.ts';
import { forward } from './forward.ts';
import { ANTHROPIC, type Provider, providersOf } from './provider.ts';
import { countTokens, listModels } from './relay.ts';
import type { Step } from './replay.ts';
import { freshState, type Router } from './request.ts';
import { routesOf } from './route.ts';
import { type Seen, seen } from './seen.ts';

/** Calls in flight are given so long to end by themselves when the router is told to stop. */
const GRACE_ms = 10_000;
/** How soon a change of the budgets in config.toml is in force. */
const RELOAD_ms = 2000;
/** How often it looks for what dead routers left open, and for bytes that have been kept long enough. */
const SWEEP_ms = 5000;
const PRUNE_ms = 60_000;
/** How soon the owner hears that a budget is nearly used. */
const ALERTS_ms = 1000;

type Ctx = Context<Config>;

export const router = service({
  name: 'router',
  config,
  async start(ctx) {
    await abandon(ctx, ctx.worker, ctx.instance);
    const providers = await providersOf(
      ctx.config.providers,
      { anthropic: ctx.secret('anthropic'), providers: ctx.secret('providers') },
      () => rehearsal(ctx),
    );
    ctx.doing(doing(providers));
    const { signal, calls, halted } = ends(ctx);
    const routing: Router = {
      store: ctx.store,
      persist: ctx.persist,
      log: ctx.log,
      clock: ctx.clock,
      instance: ctx.instance,
      worker: ctx.worker,
      config: ctx.config,
      budget: budgetOf(ctx),
      limits: ctx.shared.limits,
      idle_ms: ctx.shared.model.idle_s * 1000,
      breakers: seen(
        ctx.store,
        async () => new Map((await ctx.store.read(breaker.all)).map((row) => [row.target, row])),
      ),
      routes: routesOf(ctx.config, providers, ctx.clock.now),
      signal,
      calls,
      halted,
      state: freshState(),
    };
    const keys = seen(
      ctx.store,
      async () => new Map((await ctx.store.read(access_key.all)).map((key) => [key.hash, key])),
    );
    ctx.every('sweep', SWEEP_ms, () => sweep(ctx));
    ctx.every('alerts', ALERTS_ms, () =>
      // A period that has just ended is looked at once more.
      alerts(ctx.store, routing.budget(), ctx.clock.now() - 2 * ALERTS_ms, ctx.clock.now()),
    );
    ctx.every('batches', ctx.config.batch_poll_s * 1000, () => pollBatches(routing));
    ctx.every('prune', PRUNE_ms, () => prune(ctx));
    // On the way down, answers that nobody hears, and bills that are being written, are waited for.
    ctx.onEnd(async () => {
      await Promise.all([...routing.state.makings.values()].map(({ gone }) => gone));
      await Promise.all(routing.state.settling);
    });
    await ctx.listen(
      serverOf(ctx, routing, async (incoming) => suite(incoming)),
      { path: socketOf(ctx.home, roleOf('router', ctx.worker)) },
    );
    await ctx.listen(
      serverOf(ctx, routing, (incoming) => client(keys, incoming)),
      { host: '127.0.0.1', port: ctx.config.port + ctx.worker },
    );
  },
});

/** When calls end before their time: the router does, or all is halted. */
function ends(ctx: Ctx): Pick<Router, 'signal' | 'calls' | 'halted'> {
  const ending = new AbortController();
  let calls = new AbortController();
  const stop = () => {
    const why = new ApiError('api_error', 'router: the router is stopping', { status: 502 });
    ending.abort(why);
    calls.abort(why);
  };
  ctx.signal.addEventListener('abort', () => setTimeout(stop, GRACE_ms).unref(), { once: true });
  function halted(): ApiError | null {
    const why = ctx.halt.on() ? haltedBecause(ctx.home.halted) : null;
    if (why === null) return null;
    return new ApiError(
      'api_error',
      `router: all is halted (${why}); it goes on with: scripts/vigil resume`,
      {
        status: 503,
        error_code: 'halted',
        headers: { 'x-should-retry': 'false' },
      },
    );
  }
  ctx.halt.onChange(() => {
    const why = halted();
    if (!why) return;
    const inFlight = calls;
    calls = new AbortController();
    inFlight.abort(why);
  });
  return { signal: ending.signal, calls: () => calls.signal, halted };
}

function serverOf(
  ctx: Ctx,
  routing: Router,
  callerOf: (incoming: IncomingMessage) => Promise<Caller>,
): Server {
  return edge(ctx, async (incoming, outgoing) => {
    await answer(routing, await callerOf(incoming), incoming, outgoing);
  });
}

async function answer(
  routing: Router,
  caller: Caller,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const path = incoming.url?.split('?', 1)[0] ?? '';
  if (path === '/v1/messages') {
    expectMethod(incoming, 'POST');
    const asked = askedOf(await bodyOf(incoming));
    if (isCanary(caller, asked)) return answerCanary(routing, asked, outgoing);
    return forward(routing, withTask(caller, asked), asked, incoming, outgoing);
  }
  if (path === '/v1/embeddings') {
    expectMethod(incoming, 'POST');
    const asked = vectorsAskedOf(await bodyOf(incoming));
    return forward(
      routing,
      { ...caller, task: caller.task ?? 'embedding', step: null },
      asked,
      incoming,
      outgoing,
    );
  }
  if (path === '/v1/messages/count_tokens') {
    expectMethod(incoming, 'POST');
    const asked = askedOf(await bodyOf(incoming));
    return countTokens(routing, withTask(caller, asked), asked, incoming, outgoing);
  }
  if (path === BATCHES || path.startsWith(`${BATCHES}/`)) {
    return batches(routing, caller, incoming, outgoing);
  }
  if (path === '/v1/models' || path.startsWith('/v1/models/')) {
    expectMethod(incoming, 'GET');
    return listModels(routing, incoming, outgoing);
  }
  throw new ApiError('not_found_error', `router: no such path: ${path}`);
}

/** The task type is in a header, or in the metadata of the request. */
function withTask(caller: Caller, { task }: Asked): Caller {
  return { ...caller, task: caller.task ?? task?.slice(0, LONGEST_WORD) ?? null };
}

function expectMethod({ method }: IncomingMessage, expected: string): void {
  if (method === expected) return;
  throw new ApiError('invalid_request_error', `router: expected ${expected}, got ${method}`, {
    status: 405,
    headers: { allow: expected },
  });
}

/** A service of the suite says itself who it is and what it asks for: nobody else reaches the socket. */
function suite(incoming: IncomingMessage): Caller {
  const turn_id = headerOf(incoming, 'x-vigil-turn');
  return {
    name: headerOf(incoming, 'x-vigil-service') ?? 'suite',
    key: null,
    turn_id,
    conversation: headerOf(incoming, 'x-vigil-conversation'),
    task: headerOf(incoming, 'x-vigil-task'),
    unasked: headerOf(incoming, 'x-vigil-unasked') === '1',
    step: stepOf(headerOf(incoming, 'x-vigil-step'), turn_id),
    day_nanousd: ownLimit(headerOf(incoming, 'x-vigil-day-usd')),
  };
}

function stepOf(id: string | null, turn_id: string | null): Step | null {
  if (id === null) return null;
  if (turn_id === null || id.startsWith(`${turn_id}:`)) return { id, turn_id: turn_id ?? '' };
  throw new ApiError(
    'invalid_request_error',
    `router: x-vigil-step: expected '<turn>:<round>' with the turn of x-vigil-turn, got '${id}'`,
  );
}

function ownLimit(dollars: string | null): number | null {
  if (dollars === null) return null;
  const most = Number(dollars);
  if (most >= 0) return nanousdOf(most);
  throw new ApiError('invalid_request_error', `router: x-vigil-day-usd: expected dollars, got '${dollars}'`);
}

/** A client on this machine, by its key. */
async function client(
  keys: Seen<ReadonlyMap<string, access_key.AccessKey>>,
  incoming: IncomingMessage,
): Promise<Caller> {
  const given = keyOf(incoming.headers);
  const key = given === undefined ? undefined : (await keys.now()).get(hashOf(given));
  if (!key || key.revoked_at !== null) {
    const what = given === undefined ? 'there is no key' : 'this key is not known, or was revoked';
    throw new ApiError('authentication_error', `router: ${what}; scripts/vigil key add <name> makes one`);
  }
  return {
    name: key.name,
    key,
    turn_id: null,
    conversation: null,
    task: headerOf(incoming, 'x-vigil-task'),
    unasked: false,
    step: null,
    day_nanousd: null,
  };
}

/** What a caller names is kept in the ledger. */
const LONGEST_WORD = 200;

function headerOf(incoming: IncomingMessage, name: string): string | null {
  const value = incoming.headers[name];
  return typeof value === 'string' && value !== '' ? value.slice(0, LONGEST_WORD) : null;
}

/** The budgets as config.toml has them now. A file that is wrong changes nothing, and is a problem until it is right. */
function budgetOf(ctx: Ctx): () => Budget {
  let budget = ctx.shared.budget;
  let seen_ms = mtime_ms(ctx.home.config);
  ctx.every('budget', RELOAD_ms, async () => {
    const now_ms = mtime_ms(ctx.home.config);
    if (now_ms === seen_ms) return;
    seen_ms = now_ms;
    try {
      budget = readSection(ctx.home.config, 'budget', shared.budget);
    } catch (error) {
      // At the start this keeps the router down; one that runs goes on with the budgets that it has.
      if (!(error instanceof Misconfigured)) throw error;
      ctx.problem(error.message);
      return;
    }
    ctx.problem(null);
    ctx.log.info('budget.changed', budget);
  });
  return () => budget;
}

function mtime_ms(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Charges what the routers of a worker that are dead have left open: all but `owner`'s. */
async function abandon(ctx: Ctx, worker: number, owner: string): Promise<void> {
  const now = ctx.clock.now();
  const [, , lost] = await ctx.store.commit([
    spend.abandon(worker, owner),
    total.abandon(worker, owner, periodOf('hour', now).starts_at),
    call.abandon(worker, owner, now),
    replay.abandon(worker, owner),
    // A probe that nobody waits for would keep the target from all for as long as an answer may take.
    breaker.abandon(now),
  ]);
  if (lost.length > 0) ctx.log.warn('calls.abandoned', { worker, calls: lost.length });
}

/** Looks after workers that have died and were not started again. Their lock is held meanwhile, so that none is. */
async function sweep(ctx: Ctx): Promise<void> {
  const busy = [...(await ctx.store.read(call.workers)), ...(await ctx.store.read(replay.workers))];
  for (const worker of new Set(busy.map((row) => row.worker))) {
    if (worker === ctx.worker) continue;
    const lock = tryLock(lockOf(ctx.home, roleOf('router', worker)));
    if (!lock) continue;
    try {
      await abandon(ctx, worker, '');
    } finally {
      lock.release();
    }
  }
}

/** So many rows are removed at once: a write transaction is short. */
const MOST_PRUNED = 500;

async function prune(ctx: Ctx): Promise<void> {
  const { keep_days, keep_mb } = ctx.config;
  const now = ctx.clock.now();
  const before_at = now - keep_days * 86_400_000;
  for (;;) {
    const [size] = await ctx.store.read(exchange.size);
    const [exchanges, answers] = await ctx.store.commit([
      exchange.prune(before_at, Math.max(0, (size?.bytes ?? 0) - keep_mb * 2 ** 20), MOST_PRUNED),
      replay.prune(now, MOST_PRUNED),
    ]);
    if (Math.max(exchanges.length, answers.length) < MOST_PRUNED || ctx.signal.aborted) return;
  }
}

function doing(providers: ReadonlyMap<string, Provider>): string {
  const asked = [...providers.values()].map(({ name, url, socketPath }) =>
    socketPath ? 'the rehearsal model: there is no API key' : `${name} at ${url.origin}`,
  );
  return `asking ${asked.join(', ')}`;
}

async function rehearsal(ctx: Ctx): Promise<Provider> {
  const { rehearsalModel, startRehearsal } = await import('#shared/messages/rehearsal.ts');
  const path = socketOf(ctx.home, roleOf('rehearsal', ctx.worker));
  const file = join(ctx.home.credentials, 'anthropic.env');
  const server = await startRehearsal({
    listen: { path },
    keyHint: `put ANTHROPIC_API_KEY=<your key> into ${file} (chmod 600) and start Vigil again`,
  });
  ctx.onEnd(server.close);
  return {
    name: 'rehearsal',
    model: rehearsalModel,
    kind: 'anthropic',
    url: new URL('http://rehearsal'),
    socketPath: path,
    accounts: [{ organisation: ANTHROPIC, keys: ['rehearsal'] }],
    free: true,
    without: [],
    max_tokens_field: 'max_tokens',
  };
}

main(import.meta.filename, router);
