/**
 * watchdog: sees that everything beats and moves, has it restarted, and tells the owner by itself.
 *
 * It looks every few seconds: at the heartbeats, the queues, the turns, the jobs, the disk, and at a message of its own
 * that goes the way of all messages. What is wrong is an incident; what hangs is restarted by whoever supervises it, a few
 * times, further and further apart. It owns `telling`: what the owner was told of each incident, its own or another's.
 *
 * It runs without the store too, and alarms then past it. It knows no other service's code, and judges by rows alone.
 * systemd or launchd restart it when it hangs or dies, and `telegram` looks whether it beats.
 */

import { sleep } from '#shared/base/clock.ts';
import { uuid } from '#shared/base/ids.ts';
import { spell } from '#shared/base/span.ts';
import type { ServiceName } from '#shared/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import { main } from '#shared/runtime/main.ts';
import { namedOwners, ownersOf } from '#shared/runtime/owners.ts';
import { restart } from '#shared/runtime/restart.ts';
import { service } from '#shared/runtime/service.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as incident from '#shared/tables/incident.ts';
import type { Op } from '#shared/tables/op.ts';
import { type Memory, settle } from './calm.ts';
import { type Config, config } from './config.ts';
import { gather, type Seen, unseen } from './facts.ts';
import { type Journal, openJournal } from './journal.ts';
import { storeFailed, storeIsBack } from './outage.ts';
import { inVain, mayRestart } from './restart.ts';
import { tellAll } from './tell.ts';
import { type Facts, type Finding, inGrace, judge } from './verdict.ts';

type Watchdog = Context<Config>;

/** A store that has not answered in this time does not. */
const ANSWER_ms = 10_000;
/** A sign of life, its own or that of `alerts`, is three beats late. */
const UNWRITTEN_ms = 15_000;
/** Two routes, each with its own patience. */
const TELLING_ms = 60_000;
/** A sleep that is worth a word. */
const LONG_SLEEP_ms = 600_000;

export const watchdog = service({
  name: 'watchdog',
  config,
  async start(ctx) {
    const seen = unseen(ctx.home.config, ctx.clock.now());
    const memory: Memory = new Map();
    const journal = openJournal(ctx.home.state);
    journal.read.owners = [...new Set([...journal.read.owners, ...namedOwners(ctx.home.config)])];
    let adopted = false;
    const lookOnce = single(async () => {
      if (!adopted) await adopt(ctx, memory);
      adopted = true;
      return look(ctx, { seen, memory, journal: journal.read });
    });
    const tellOnce = single((at: AtWork) => tellAll(ctx, { owners: journal.read.owners, ...at }));
    ctx.doing('watching');
    ctx.onJump((by_ms) => {
      seen.watched_from_at = ctx.clock.now();
      seen.jumped_at = seen.watched_from_at;
      seen.silent_at = 0;
      if (by_ms > LONG_SLEEP_ms) slept(ctx, by_ms);
    });
    ctx.every('look', ctx.config.look_s * 1000, async () => {
      try {
        const atWork = await within(ANSWER_ms, lookOnce());
        await within(TELLING_ms, tellOnce(atWork));
      } catch (error) {
        ctx.log.error('store.failed', { error });
        // What of it was written nobody knows: the store says, when it can.
        memory.clear();
        adopted = false;
        await storeFailed(ctx, journal.read, error);
      }
      journal.write();
    });
  },
});

type Desk = { seen: Seen; memory: Memory; journal: Journal };

/** Who of those that tell is at work, as far as can be seen. */
type AtWork = { bridge: boolean; announcer: boolean };

async function look(ctx: Watchdog, { seen, memory, journal }: Desk): Promise<AtWork> {
  const facts = await gather(ctx, seen);
  const { now } = facts;
  const beat_at = facts.beats.get('watchdog')?.beat_at ?? now;
  const unwritten_ms = now - Math.max(beat_at, seen.jumped_at);
  if (unwritten_ms > UNWRITTEN_ms) {
    // Nobody could show a sign of life.
    seen.watched_from_at = now;
    throw new Error(
      `store: nothing could be written for ${spell(unwritten_ms)}: another program holds it locked, or the disk hangs`,
    );
  }
  const { findings, blind, silent } = judge(facts);
  if (silent) seen.silent_at = now;
  const restarted = findings.flatMap((finding) => restartFor(ctx, journal, finding, now));
  const all = [...findings, ...restarted.filter((one) => typeof one !== 'string')];
  const { opened, closed } = settle(memory, all, { now, calm_ms: ctx.config.calm_s * 1000, blind });
  const ops: Op[] = [
    ...opened.map(({ cause, severity, text, restart: name }) => {
      const words = name && restarted.includes(name) ? `${text} I have asked for its restart.` : text;
      return incident.open({ cause, service: 'watchdog', severity, text: words, now });
    }),
    ...closed.map((cause) => incident.close(cause, 'watchdog', now)),
    ...canaryOf(facts),
  ];
  if (ops.length > 0) await ctx.store.commit(ops);
  for (const { cause, text } of opened) ctx.log.warn('incident.opened', { cause, why: text });
  for (const cause of closed) ctx.log.info('incident.closed', { cause });
  await storeIsBack(ctx, journal);
  journal.owners = await ownersOf(ctx.home.config, ctx.store);
  const bridge = facts.beats.get('telegram');
  const alerts = facts.beats.get('alerts');
  const wrong = new Set(findings.map(({ cause }) => cause));
  const works = (name: ServiceName) => !wrong.has(`service ${name}`) && !wrong.has('everything');
  return {
    bridge: works('telegram') && bridge?.phase === 'ready' && bridge.problem === null,
    announcer: works('alerts') && alerts?.phase === 'ready' && now - alerts.beat_at < UNWRITTEN_ms,
  };
}

/** Those that are open are known again after a restart of its own. */
async function adopt(ctx: Watchdog, memory: Memory): Promise<void> {
  const now = ctx.clock.now();
  for (const { cause, service: opener, opened_at } of await ctx.store.read(incident.ongoing)) {
    if (opener === 'watchdog') memory.set(cause, { open: true, found_at: now, opened: [opened_at] });
  }
}

/** The service's name when it is being restarted, and what is to be told when that does not help any more. */
function restartFor(
  ctx: Watchdog,
  journal: Journal,
  { restart: name, text }: Finding,
  now: number,
): (ServiceName | Finding)[] {
  if (!name) return [];
  const history = journal.restarts[name] ?? [];
  const vain = inVain(name, history, now);
  if (mayRestart(history, now) !== 'restart') return [vain];
  journal.restarts[name] = [...history.slice(-9), now];
  ctx.log.warn('restart.requested', { of: name, why: text });
  restart(ctx.home, name, text).catch((error) => ctx.log.error('restart.failed', { of: name, error }));
  return [name, vain];
}

/** The next canary, when the last has come back, or never will. */
function canaryOf(facts: Facts): Op[] {
  const {
    now,
    canary,
    config: { canary_s },
  } = facts;
  if (canary_s === 0 || facts.halted || inGrace(facts) || !facts.beats.has('core')) return [];
  if (canary?.state === 'pending' || canary?.state === 'taken') return [];
  const age_ms = now - (canary?.received_at ?? 0);
  // One that went wrong is asked again sooner: so its end is seen.
  const pause_ms = canary?.state === 'dead' ? Math.min(canary_s, 30) * 1000 : canary_s * 1000;
  return age_ms >= 0 && age_ms < pause_ms ? [] : [inbound.canary(uuid(now), now)];
}

/** Nothing to be done about it; whoever wonders why nothing happened for so long knows. */
function slept(ctx: Watchdog, by_ms: number): void {
  const now = ctx.clock.now();
  const text = `The machine slept for ${spell(by_ms)}, or its clock was set forward. What was due meanwhile is made up for.`;
  const cause = 'sleep';
  ctx.store
    .commit([
      incident.open({ cause, service: 'watchdog', severity: 'info', text, now: now - Math.round(by_ms) }),
      incident.close(cause, 'watchdog', now),
    ])
    .catch((error) => ctx.log.warn('sleep.unwritten', { error }));
}

/** What was given up goes on until the store or the network answers: a second one beside it would tell all twice. */
function single<Args extends unknown[], T>(
  step: (...args: Args) => Promise<T>,
): (...args: Args) => Promise<T> {
  let going: Promise<T> | undefined;
  return (...args) => {
    going ??= step(...args).finally(() => {
      going = undefined;
    });
    return going;
  };
}

/** What it began goes on by itself, and comes to an end when the store does. */
async function within<T>(ms: number, begun: Promise<T>): Promise<T> {
  const ended = new AbortController();
  begun.catch(() => {});
  try {
    return await Promise.race([
      begun,
      sleep(ms, ended.signal).then(() => {
        throw new Error(
          `store: no answer within ${ms / 1000} s: another program holds it locked, or the disk hangs`,
        );
      }),
    ]);
  } finally {
    ended.abort();
  }
}

main(import.meta.filename, watchdog);
