/**
 * upstream: watches what the house depends on, and says once what changed there and what to do about it.
 *
 * It owns `probe` and `finding`. Each look is one commit with what it brought; what all looks come to is worked out anew
 * after each, so that a death at any line tells nothing twice and loses nothing. An outage is told as an incident, by the
 * watchdog, together with the router's; news goes out by itself. It has no secrets, takes nothing it reads for an
 * order, and installs nothing. It goes on while all is halted.
 */

import { backoff_ms } from '#shared/base/backoff.ts';
import { codeOf, messageOf } from '#shared/base/errors.ts';
import { PRICE_REV } from '#shared/base/models.ts';
import { version } from '#shared/base/root.ts';
import type { Context } from '#shared/runtime/context.ts';
import { main } from '#shared/runtime/main.ts';
import { ownersOf } from '#shared/runtime/owners.ts';
import { service } from '#shared/runtime/service.ts';
import * as breaker from '#shared/tables/breaker.ts';
import * as finding from '#shared/tables/finding.ts';
import * as incident from '#shared/tables/incident.ts';
import type { Op } from '#shared/tables/op.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as probe from '#shared/tables/probe.ts';
import * as request from '#shared/tables/probe_request.ts';
import { lockedVersions } from './advisory.ts';
import { type Config, config } from './config.ts';
import { type Get, getter } from './get.ts';
import { quoted } from './text.ts';
import { isOffline, isUnread, judge } from './verdict.ts';
import { type Models, usedBy, type Watch, watchesOf } from './watch.ts';

type Upstream = Context<Config>;

/** After a start or a sleep the network is given so long to come up. */
const SETTLING_ms = 10_000;
/** Facts that no look brings: a model's last days, the age of prices, a breaker that opens. */
const JUDGE_ms = 30_000;
/** While something cannot be reached, its return is noticed in this time. */
const AWAY_ms = 60_000;
const UNREAD = { first_ms: 60_000, most_ms: 6 * 3_600_000 };
/** A look that took so much longer by the clock on the wall had a sleep in it. */
const SLEPT_ms = 5_000;

type Piece = { watch: Watch; before: probe.Probe; asked: readonly number[] };

export const upstream = service({
  name: 'upstream',
  config,
  async start(ctx) {
    const watches = new Map(
      watchesOf(
        ctx.config,
        ctx.home.config,
        ctx.config.watch.includes('advisories') ? lockedVersions() : null,
      ).map((watch) => [watch.name, watch]),
    );
    const { models } = usedBy(ctx.home.config);
    const get = getter(ctx.config, ctx.signal);
    const settle = oneByOne(() => settleAll(ctx, models));
    const inWork = new Set<string>();
    const reach = [...watches.values()].filter((watch) => watch.reach).map(({ name }) => name);
    const soon = () => ctx.clock.now() + jittered(Math.min(SETTLING_ms, ctx.config.again_s * 1000));
    const setBack = () => probe.setBack(ctx.clock.now(), soon());
    await ctx.store.commit([
      probe.unwatch([...watches.keys()]),
      setBack(),
      ...[...watches.values()].map(({ name, about }) => probe.watch(name, about, soon())),
    ]);
    ctx.doing(watches.size > 0 ? 'watching' : 'nothing is to be watched');
    if (watches.size > 0) {
      ctx.work<Piece>({
        name: 'looks',
        lanes: 3,
        look: () => nextOf(ctx, watches, inWork),
        async act(piece) {
          await lookAt(ctx, get, piece, reach).finally(() => inWork.delete(piece.watch.name));
          await settle();
        },
        async due() {
          const probes = await ctx.store.read(probe.all);
          const times = awaited(ctx, watches, inWork, probes).map(({ before }) => before.due_at);
          return times.length > 0 ? Math.min(...times) : null;
        },
      });
    }
    ctx.every('judge', JUDGE_ms, settle);
    ctx.onJump(() => {
      ctx.store
        .commit([setBack(), probe.anew(soon())])
        .catch((error) => ctx.log.warn('jump.unwritten', { error }));
    });
  },
});

function jittered(ms: number): number {
  return Math.round(ms * (0.9 + 0.2 * Math.random()));
}

/** What is asked for comes first, then whatever is due; without a network only what tells of its return. */
async function nextOf(
  { store, clock, config }: Upstream,
  watches: ReadonlyMap<string, Watch>,
  inWork: Set<string>,
): Promise<Piece | null> {
  const now = clock.now();
  const [probes, requests, broken] = await Promise.all([
    store.read(probe.all),
    store.read(request.all),
    store.read(breaker.all),
  ]);
  const unknown = requests.filter(({ watch }) => !watches.has(watch));
  if (unknown.length > 0) await store.commit(unknown.map(({ id }) => request.taken(id)));
  const free = freeOf(watches, inWork, probes);
  const next =
    free.find(({ watch }) => requests.some((one) => one.watch === watch.name)) ??
    awaited({ config }, watches, inWork, probes).find(({ before }) => before.due_at <= now) ??
    free.find(({ before }) => isBroken(before, broken));
  if (!next) return null;
  const { name } = next.watch;
  inWork.add(name);
  return { ...next, asked: requests.filter(({ watch }) => watch === name).map(({ id }) => id) };
}

type Free = Pick<Piece, 'watch' | 'before'>;

function freeOf(
  watches: ReadonlyMap<string, Watch>,
  inWork: ReadonlySet<string>,
  probes: readonly probe.Probe[],
): Free[] {
  return probes.flatMap((before) => {
    const watch = watches.get(before.watch);
    return watch && !inWork.has(before.watch) ? [{ watch, before }] : [];
  });
}

/** Those whose time comes: without a network it does only for what tells of its return. */
function awaited(
  { config }: Pick<Upstream, 'config'>,
  watches: ReadonlyMap<string, Watch>,
  inWork: ReadonlySet<string>,
  probes: readonly probe.Probe[],
): Free[] {
  const offline = isOffline(probes, config.again_s * 1000);
  return freeOf(watches, inWork, probes).filter(({ watch }) => watch.reach || !offline);
}

/** The router has given a provider up since it was last looked at. */
function isBroken({ watch, looked_at }: probe.Probe, broken: readonly breaker.Breaker[]): boolean {
  const provider = /^(?:provider|status) (.+)/.exec(watch)?.[1];
  return broken.some(
    ({ target, state, changed_at }) =>
      state === 'open' && target.startsWith(`${provider}/`) && changed_at > (looked_at ?? 0) + 30_000,
  );
}

async function lookAt(
  { clock, config, external, persist, signal, log }: Upstream,
  get: Get,
  { watch, before, asked }: Piece,
  reach: readonly string[],
): Promise<void> {
  const { name, every_ms } = watch;
  const began = { at: clock.now(), mono: clock.mono() };
  const taken = asked.map(request.taken);
  const host = URL.parse(before.about.split(' ')[0] ?? '')?.host ?? name;
  try {
    const { latency_ms, seen, news } = await external(host, name, () => watch.look(get, before, began.at));
    const now = clock.now();
    const seen_json = seen && JSON.stringify(seen);
    await persist([
      ...taken,
      probe.worked(name, {
        now,
        due_at: now + jittered(every_ms),
        latency_ms,
        ...(seen_json !== undefined && seen_json !== before.seen_json && { seen_json }),
      }),
      // Until then nobody could be reached: that they were not says nothing of them.
      ...(name === 'network' && before.failures > 0 ? [probe.doubt(reach, now)] : []),
      ...(news ? [finding.open(news, { now, told_at: null, over_at: null })] : []),
    ]);
  } catch (error) {
    if (signal.aborted) return;
    const now = clock.now();
    const slept = now - began.at - (clock.mono() - began.mono) > SLEPT_ms;
    const again_ms = before.failures === 0 ? config.again_s * 1000 : Math.min(every_ms, AWAY_ms);
    const wait_ms = watch.reach ? jittered(again_ms) : backoff_ms(before.failures, UNREAD);
    const due_at = now + wait_ms;
    log.info('look.failed', { watch: name, error: messageOf(error) });
    await persist([
      ...taken,
      slept
        ? probe.hasten(name, now + SETTLING_ms)
        : probe.failed(name, { now, due_at, error: reasonOf(error) }),
      ...witnessesOf(watch).map((witness) => probe.hasten(witness, now)),
    ]);
  }
}

/** Who knows more of what has just failed: whether it is the network, and what the provider says of itself. */
function witnessesOf({ name, reach }: Watch): string[] {
  if (!reach || name === 'network') return [];
  return name.startsWith('provider ') ? ['network', name.replace('provider', 'status')] : ['network'];
}

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name cannot be found',
  EAI_AGAIN: 'no name can be looked up',
  ECONNREFUSED: 'the connection is refused',
  ECONNRESET: 'the connection breaks off',
  ETIMEDOUT: 'it does not answer',
  ENETUNREACH: 'there is no way there',
  EHOSTUNREACH: 'there is no way there',
};

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (error instanceof SyntaxError || /^(\$?Zod)/.test(error?.constructor?.name ?? ''))
    return 'it answers what cannot be understood';
  return REASONS[code ?? ''] ?? quoted(messageOf(error) || code || 'it failed');
}

/** Brings the findings up to what holds now, and tells. */
async function settleAll(ctx: Upstream, models: Models): Promise<void> {
  const { store, clock, config, log } = ctx;
  const now = clock.now();
  const [probes, breakers, ongoing] = await Promise.all([
    store.read(probe.all),
    store.read(breaker.all),
    store.read(finding.ongoing),
  ]);
  const { found, unsure } = judge({ now, config, probes, breakers, models, prices_rev: PRICE_REV, version });
  const known = new Map(ongoing.map((one) => [one.cause, one]));
  const fresh = found.filter(({ cause }) => !known.has(cause) && !isUnread(cause)).map(({ cause }) => cause);
  const toldBefore = fresh.length > 0 ? await store.read(finding.toldBefore(fresh)) : [];
  const ops: Op[] = [];
  for (const one of found) {
    const before = known.get(one.cause);
    if (before) {
      if (before.text !== one.text || now - before.last_seen_at > JUDGE_ms) ops.push(finding.seen(one, now));
      continue;
    }
    const outage = one.kind === 'outage';
    // A feed that takes news back and brings it again has nothing new.
    const told = outage || toldBefore.some(({ cause }) => cause === one.cause);
    ops.push(finding.open(one, { now, told_at: told ? now : null, over_at: null }));
    if (outage) {
      const { cause, severity } = one;
      const text = one.cure ? `${one.text}\n→ ${one.cure}` : one.text;
      ops.push(incident.open({ cause, service: 'upstream', severity, text, now }));
    }
    log.warn('finding.opened', { cause: one.cause, why: one.text });
  }
  for (const { cause, kind, told_at } of ongoing) {
    const lasts = found.some((one) => one.cause === cause) || unsure.includes(cause);
    // News of a moment is over when it is told.
    if (lasts || told_at === null) continue;
    ops.push(
      finding.over(cause, now),
      ...(kind === 'outage' ? [incident.close(cause, 'upstream', now)] : []),
    );
    log.info('finding.over', { cause });
  }
  if (ops.length > 0) await ctx.persist(ops);
  await tellNews(ctx);
}

/** All that is new in one message, to each owner; posted in the commit that notes it. */
async function tellNews({ store, clock, home, persist }: Upstream): Promise<void> {
  const untold = (await store.read(finding.ongoing)).filter(({ told_at }) => told_at === null).slice(0, 10);
  const [first] = untold;
  const owners = first ? await ownersOf(home.config, store) : [];
  if (!first || owners.length === 0) return;
  const now = clock.now();
  const text = untold.map(({ text, cure }) => (cure ? `${text}\n→ ${cure}` : text)).join('\n\n');
  const release = untold.find(({ cause }) => cause.startsWith('release '));
  await persist([
    ...untold.map(({ id }) => finding.told(id, now)),
    ...owners.map((owner) =>
      outbound.post({
        key: `finding:${first.id}:${owner}`,
        channel: 'telegram',
        conversation: `telegram:${owner}`,
        chat: String(owner),
        kind: 'notice',
        turn_id: null,
        text: `ℹ️ ${text}`.toWellFormed(),
        message_ref: null,
        urgency: 'unasked',
        ...(release && {
          buttons: [[{ text: 'How to upgrade', data: `upgrade:${release.cause.split(' ')[1]}` }]],
        }),
        now,
      }),
    ),
  ]);
}

/** A second call waits for the first: none reads what the other is about to change. */
function oneByOne(step: () => Promise<void>): () => Promise<void> {
  let last = Promise.resolve();
  return () => {
    const mine = last.then(step, step);
    last = mine.catch(() => {});
    return mine;
  };
}

main(import.meta.filename, upstream);
