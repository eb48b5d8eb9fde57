/** Gathers what the health is judged by. The store is read as all read it, and written: both have a second or two. */

import * as z from 'zod/mini';
import { sleep } from '#shared/base/clock.ts';
import { messageOf } from '#shared/base/errors.ts';
import { breakersOf, budgetsOf } from '#shared/metrics/gauges.ts';
import { standings } from '#shared/metrics/standing.ts';
import { readSection } from '#shared/runtime/config.ts';
import type { Context } from '#shared/runtime/context.ts';
import { factsOf } from '#shared/runtime/facts.ts';
import * as backup from '#shared/tables/backup.ts';
import * as call from '#shared/tables/call.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as incident from '#shared/tables/incident.ts';
import * as metric_hour from '#shared/tables/metric_hour.ts';
import * as presence from '#shared/tables/presence.ts';
import * as turn from '#shared/tables/turn.ts';
import { blind, type Health, judge, type Seen } from './health.ts';

type Looking = Pick<Context<unknown>, 'store' | 'clock' | 'home' | 'halt' | 'shared'>;

/** As much of the watchdog's section as it needs. */
const disk = z.looseObject({ disk_free_mb: z._default(z.number(), 1024) });

const PATIENCE_ms = 2000;
/** Whoever asks again within this time hears the same. */
const KEPT_ms = 1000;
/** A target that nobody has asked for so long does not count. */
const ASKED_ms = 86_400_000;

/** How all is: looked at once a second at most, however many ask. */
export function examining(ctx: Looking, watchedFrom: () => number): () => Promise<Health> {
  const disk_low_bytes = readSection(ctx.home.config, 'watchdog', disk).disk_free_mb * 2 ** 20;
  let going: Promise<Health> | undefined;
  let writing: Promise<unknown> | undefined;
  let kept: { health: Health; at: number } | undefined;

  async function examine(): Promise<Health> {
    const began = ctx.clock.mono();
    const reads = gather(ctx, watchedFrom());
    // What a locked store has not taken yet is not asked of it a second time.
    writing ??= ctx.store.commit([presence.touch('metrics', ctx.clock.now())]).finally(() => {
      writing = undefined;
    });
    const [read, written] = await Promise.all([outcome(reads), outcome(writing)]);
    if ('problem' in read) return blind(`cannot be read: ${read.problem}`);
    const problem = 'problem' in written ? `cannot be written: ${written.problem}` : null;
    const store = { problem, took_ms: ctx.clock.mono() - began };
    return judge({ ...read.result, store, disk_low_bytes });
  }

  return async () => {
    if (kept && ctx.clock.mono() - kept.at < KEPT_ms) return kept.health;
    going ??= examine().finally(() => {
      going = undefined;
    });
    const health = await going;
    kept = { health, at: ctx.clock.mono() };
    return health;
  };
}

async function gather(
  ctx: Looking,
  watched_from_at: number,
): Promise<Omit<Seen, 'store' | 'disk_low_bytes'>> {
  const { store } = ctx;
  const now = ctx.clock.now();
  const facts = await factsOf(ctx, watched_from_at);
  const [beats, breakers, asked, budgets, [turns], [pending], [message], [last], open, [newest]] =
    await Promise.all([
      store.read(heartbeat.all),
      breakersOf(store.read),
      store.read(metric_hour.between(['agent_target_requests_total'], now - ASKED_ms, now)),
      budgetsOf(store.read, facts, now),
      store.read(turn.inWork),
      store.read(inbound.backlog),
      store.read(inbound.overdue(now)),
      store.read(call.lastAnswer(now)),
      store.read(incident.ongoing),
      store.read(backup.latest),
    ]);
  const targets = new Set(asked.map(({ labels }): string => JSON.parse(labels).target));
  const since = [turns?.since_at, message?.since_at].filter((at) => typeof at === 'number');
  return {
    now,
    facts,
    stood: standings(beats, { now, off: facts.off, watched_from_at }),
    breakers: new Map([...breakers].filter(([target, state]) => state !== 'closed' || targets.has(target))),
    budgets,
    waiting: {
      count: (turns?.waiting ?? 0) + (pending?.count ?? 0),
      since_at: since.length > 0 ? Math.min(...since) : null,
    },
    unpaid: turns?.unpaid ?? 0,
    answered_at: last?.at ?? null,
    open: {
      critical: open.filter(({ severity }) => severity === 'critical').length,
      warning: open.filter(({ severity }) => severity === 'warning').length,
    },
    backup_at: newest?.made_at ?? null,
  };
}

/** What it brings, or why it brought nothing in time. */
async function outcome<T>(begun: Promise<T>): Promise<{ result: T } | { problem: string }> {
  const over = new AbortController();
  try {
    return await Promise.race([
      begun.then((result) => ({ result })),
      sleep(PATIENCE_ms, over.signal).then(() => ({ problem: `no answer within ${PATIENCE_ms / 1000} s` })),
    ]);
  } catch (error) {
    return { problem: messageOf(error) };
  } finally {
    over.abort();
  }
}
