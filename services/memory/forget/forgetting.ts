/**
 * Forgets for good. A wish to forget becomes a plan on the disk; then its tombstones are written, in the store and beside it;
 * then everything is erased, the log of the store is cut, and the bytes on the disk are looked through for its words. Only
 * then is it done, and the plan goes. Each step may be done again: a kill at any point takes it up from the plan.
 *
 * What is found left is an incident, and is tried again. What an older store brings back, after a restore, is erased before
 * the service is ready.
 */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { sleep } from '#shared/base/clock.ts';
import { codeOf, messageOf } from '#shared/base/errors.ts';
import { eraseRows, strikeWords } from '#shared/forget/erasing.ts';
import { leftBy, type Plan, plan, shownBy, type Targets, Unforgettable } from '#shared/forget/plan.ts';
import { openTombstones, returned, settle } from '#shared/forget/tombstones.ts';
import { needlesOf, normalised, SHORTEST_chars } from '#shared/forget/words.ts';
import { readSection } from '#shared/runtime/config.ts';
import type { Context } from '#shared/runtime/context.ts';
import { socketOf } from '#shared/runtime/home.ts';
import { cutLog, type Remains, remainsOf, rewrite } from '#shared/store/remains.ts';
import { DAMAGED } from '#shared/store/store.ts';
import * as answer_check from '#shared/tables/answer_check.ts';
import * as backup from '#shared/tables/backup.ts';
import * as backup_request from '#shared/tables/backup_request.ts';
import * as erase from '#shared/tables/erase.ts';
import * as incident from '#shared/tables/incident.ts';
import * as memory from '#shared/tables/memory.ts';
import * as memory_change from '#shared/tables/memory_change.ts';
import * as memory_run from '#shared/tables/memory_run.ts';
import type { Op } from '#shared/tables/op.ts';
import * as passage from '#shared/tables/passage.ts';
import * as tombstone from '#shared/tables/tombstone.ts';
import * as wish from '#shared/tables/wish.ts';
import { alone } from '../keep.ts';
import { renewProfile } from '../profile.ts';
import { settled } from '../settle.ts';
import { folderOf, type Job, openJobs } from './job.ts';
import { outcomeOf } from './outcome.ts';
import { deleteBatches } from './provider.ts';

type Ctx = Pick<
  Context<unknown>,
  'store' | 'home' | 'log' | 'clock' | 'signal' | 'persist' | 'work' | 'doing' | 'problem'
>;

/** How soon what did not succeed is tried again. */
const AGAIN_ms = [1_000, 10_000, 60_000, 600_000, 3_600_000];
/** So long it waits for others, who read or are being answered, before it says that it does. */
const PATIENCE_ms = 30_000;
const GLANCE_ms = 100;
/** So long it waits for a backup that is to take the place of the others. */
const BACKUP_ms = 30 * 60_000;

const targets = z.object({
  memories: z._default(z.array(z.number()), []),
  turns: z._default(z.array(z.string()), []),
  backups: z.optional(z.boolean()),
});

export async function forgetting(ctx: Ctx): Promise<void> {
  await takeBack(ctx);
  const tries = new Map<number, { failures: number; due_at: number }>();
  const waiting = async () =>
    (await ctx.store.read(wish.forgetting)).map((one) => ({ one, due_at: tries.get(one.id)?.due_at ?? 0 }));
  ctx.work({
    name: 'forgetting',
    queue: 'wish',
    look: async () => (await waiting()).find(({ due_at }) => due_at <= ctx.clock.mono())?.one,
    async act(one) {
      try {
        await forget(ctx, one);
        tries.delete(one.id);
      } catch (error) {
        ctx.signal.throwIfAborted();
        const failures = tries.get(one.id)?.failures ?? 0;
        const wait_ms = AGAIN_ms[Math.min(failures, AGAIN_ms.length - 1)] ?? 0;
        tries.set(one.id, { failures: failures + 1, due_at: ctx.clock.mono() + wait_ms });
        await complain(ctx, one.id, messageOf(error));
        ctx.log.error('forgetting.failed', { wish: one.id, error });
        // Nothing is erased from an index that contradicts itself.
        if (codeOf(error) === DAMAGED) await ctx.store.commit([memory.rebuild, ...passage.rebuild]);
      } finally {
        ctx.problem(null);
        ctx.doing('watching');
      }
    },
    async due() {
      const times = (await waiting()).map(({ due_at }) => due_at);
      return times.length === 0 ? null : ctx.clock.now() + Math.max(0, Math.min(...times) - ctx.clock.mono());
    },
  });
}

/** What a restored store has brought back goes again; what a kill has left of a plan that is carried out, too. */
async function takeBack(ctx: Ctx): Promise<void> {
  const { store, home } = ctx;
  const stones = openTombstones(home.state);
  const back = await returned(store.read, stones);
  if (back) {
    ctx.doing('forgetting again what a backup has brought back');
    const it = await plan(store.read, back, { scope: null });
    await eraseAll(ctx, it);
    for (const path of leftBy(it, home)) await rm(path, { recursive: true, force: true });
    cutLog(store.file);
    ctx.log.warn('memory.returned', { turns: back.turns.length, memories: back.memories.length });
  }
  await settle(store, stones);
  const jobs = openJobs(home.state);
  const pending = await store.read(wish.forgetting);
  for (const id of jobs.ids()) {
    const one = pending.find((waiting) => waiting.id === id);
    if (!one || jobs.of(one) === null) jobs.drop(id);
  }
}

/** Carries one wish out, from wherever it stands. @throws what keeps it from its end for now */
export async function forget(ctx: Ctx, one: wish.Wish): Promise<void> {
  const { home, log } = ctx;
  const jobs = openJobs(home.state);
  ctx.doing('forgetting');
  const job = jobs.of(one) ?? (await begin(ctx, one));
  if (job === null) return;
  log.info('forgetting.planned', { wish: one.id });

  await bury(ctx, job.plan);
  log.info('forgetting.buried', { wish: one.id });

  const struck = await eraseAll(ctx, job.plan);
  await leaveNoFiles(ctx, job);
  await calmed(ctx, job.plan);
  log.info('forgetting.erased', { wish: one.id });

  await fold(ctx);
  log.info('forgetting.folded', { wish: one.id });

  const remains = await verify(ctx, job.plan);
  log.info('forgetting.verified', { wish: one.id });

  const wanted = targetsOf(one);
  const rid = wanted?.backups ? await ridBackups(ctx, one, job) : null;
  const provider = await deleteBatches(socketOf(home, 'router'), job.plan.batches, ctx.signal);
  const outcome = outcomeOf({
    ...job,
    struck,
    ...remains,
    unread: remains.unread.length,
    ...(await holding(ctx, job.plan)),
    rid,
    provider,
  });
  await end(ctx, one, 'done', outcome, [
    ...readAgain(one, job.plan, ctx.clock.now()),
    memory_change.forgot(one.id, job.plan.gone.memory, ctx.clock.now()),
    incident.close(causeOf(one.id), 'memory', ctx.clock.now()),
  ]);
  log.info('forgetting.done', { wish: one.id, rows: struck });
  jobs.drop(one.id);
}

/** What a model has made of it all is gone with it, its summary too: it reads what is left. The first look corrects the hash. */
function readAgain(one: wish.Wish, { passes }: Plan, now: number): Op[] {
  return passes.map(({ id, scope, conversation, how, after_id, upto_id }) =>
    memory_run.plan(
      {
        ...{ scope, conversation, how, after_id, upto_id, period: null, starts_at: null },
        input_hash: `after wish ${one.id} of ${one.at}: ${id}`,
      },
      now,
    ),
  );
}

function targetsOf(one: wish.Wish): Targets | null {
  try {
    return targets.parse(JSON.parse(one.targets_json ?? '')) as Targets;
  } catch {
    return null;
  }
}

/** The plan, once it is on the disk; null: it was refused, or there is nothing to do but with backups. */
async function begin(ctx: Ctx, one: wish.Wish): Promise<Job | null> {
  const refuse = async (why: string) => {
    await end(ctx, one, 'refused', why, []);
    return null;
  };
  const wanted = targetsOf(one);
  if (!wanted) return refuse('What shall be forgotten is not named.');
  if (one.tainted) return refuse('The wish came up after strangers were read: say it yourself, by /forget.');
  try {
    const made = await plan(ctx.store.read, wanted, { scope: one.scope, wish: one.id });
    const job: Job = { wished_at: one.at, plan: made, unremoved: [], request_id: null };
    openJobs(ctx.home.state).keep(one, job);
    return job;
  } catch (error) {
    if (error instanceof Unforgettable) return refuse(`Not forgotten: ${error.message}.`);
    throw error;
  }
}

/** First of all that it must not come back: beside the store, where a restore does not reach, and in it. */
async function bury({ store, home, clock }: Ctx, { gone, memories, said, inbound }: Plan): Promise<void> {
  const stones = openTombstones(home.state);
  const at = clock.now();
  const texts = [
    ...memories.filter(({ kind }) => kind !== 'summary').map(({ text }) => text),
    ...said.map(({ text }) => text).filter((text) => normalised(text).length >= SHORTEST_chars),
  ];
  const all: tombstone.Tombstone[] = [
    ...[...gone.turn, ...inbound].map((id) => ({ hmac: stones.of('turn', id), kind: 'turn' as const, at })),
    ...memories.map(({ uid }) => ({ hmac: stones.of('memory', uid), kind: 'memory' as const, at })),
    ...texts.map((text) => ({ hmac: stones.of('text', text), kind: 'text' as const, at })),
  ];
  stones.write(all);
  await store.commit([tombstone.set(all)]);
}

/** Says in how many rows words were struck. */
async function eraseAll(ctx: Ctx, { gone, said, phrases, since_at }: Plan): Promise<number> {
  const { store, signal } = ctx;
  const desk = {
    read: store.read,
    commit: (ops: readonly Op[]) => store.commit(ops),
    signal,
  };
  const struck = await alone(store, async () => {
    await eraseRows(desk, gone, said);
    for (const scope of gone.scope) await renewProfile(ctx, scope);
    return strikeWords(desk, phrases, since_at);
  });
  return [...struck.values()].reduce((sum, rows) => sum + rows, 0);
}

async function leaveNoFiles({ home }: Ctx, job: Job): Promise<void> {
  job.unremoved = [];
  for (const path of leftBy(job.plan, home)) {
    await rm(path, { recursive: true, force: true }).catch((error) => {
      if (!['EACCES', 'EPERM'].includes(codeOf(error))) throw error;
      job.unremoved.push(path);
    });
  }
}

/** Those who were told of it before it was erased may still write it down: they end, and their traces go as well. */
async function calmed(ctx: Ctx, it: Plan): Promise<void> {
  const { store, clock } = ctx;
  await waitFor(ctx, 'a check of an answer', async () => {
    return (await store.read(answer_check.underWay(clock.now()))).length === 0;
  });
  const erased_at = clock.now();
  await waitFor(ctx, 'those who are being answered', async () => {
    return (await store.read(erase.inFlight(it.talks, erased_at))).length === 0;
  });
  const { message, memory, turn } = it.gone;
  const told = (await store.read(erase.told(message, memory))).map(({ turn_id }) => turn_id);
  const call = (await store.read(erase.calls([...turn, ...told], it.talks, it.since_at)))
    .filter(({ opened_at }) => opened_at <= erased_at)
    .map(({ id }) => id);
  const shown = await shownBy(store.read, it.talks, it.gone);
  await eraseAll(ctx, {
    ...it,
    gone: { ...it.gone, ...shown, inbound: [...it.gone.inbound, ...shown.inbound], told, call },
  });
}

/** The log holds the pages as they were before. */
async function fold(ctx: Ctx): Promise<void> {
  await waitFor(ctx, 'somebody who reads the store', async () => cutLog(ctx.store.file));
}

async function waitFor(ctx: Ctx, whom: string, fact: () => Promise<boolean>): Promise<void> {
  const began = ctx.clock.mono();
  while (!(await fact())) {
    ctx.signal.throwIfAborted();
    if (ctx.clock.mono() - began > PATIENCE_ms) ctx.problem(`forgetting waits for ${whom}`);
    await sleep(GLANCE_ms, ctx.signal);
  }
  ctx.problem(null);
}

/** @throws Error when something is left in the store or its indexes */
async function verify(ctx: Ctx, { phrases }: Plan): Promise<Remains> {
  const { home, store, signal } = ctx;
  const look = () =>
    remainsOf(
      {
        store: store.file,
        places: [home.state, home.logs],
        except: [home.backups, folderOf(home.state), join(home.state, 'run'), join(home.state, 'bells')],
        needles: needlesOf(phrases),
      },
      signal,
    );
  for (const phrase of phrases) {
    const [found] = await store.read(erase.orphans(phrase));
    if (found && found.rows > 0) throw new Error('a search still leads to what is gone');
  }
  const remains = await look();
  if (!remains.store) return remains;
  // A row that once moved to another page has left its words in the old one.
  ctx.log.warn('store.rewritten', {}, 'words were found outside of any row');
  await waitFor(ctx, 'somebody who writes', async () => rewrite(store.file));
  await fold(ctx);
  const again = await look();
  if (again.store) throw new Error('words of it are still in the file of the store');
  return again;
}

const WEEK_ms = 7 * 86_400_000;
const retention = z.looseObject({
  keep_hourly: z._default(z.number(), 24),
  keep_daily: z._default(z.number(), 14),
  keep_weekly: z._default(z.number(), 8),
});

/** Which backups hold it, and how long the last of them stays. */
async function holding({ store, home, clock }: Ctx, { since_at }: Plan) {
  const backups = (await store.read(backup.present))
    .filter(({ made_at }) => made_at >= since_at)
    .map(({ id, copies_json }) => ({ id, copies: Object.keys(JSON.parse(copies_json)) }));
  const keep = readSection(home.config, 'backup', retention);
  const age_ms = Math.max(keep.keep_hourly / 168, keep.keep_daily / 7, keep.keep_weekly) * WEEK_ms;
  return { backups, aged_at: clock.now() + age_ms + WEEK_ms };
}

/** Asks for a backup that holds none of it, in the place of all others; says what came of that. */
async function ridBackups(ctx: Ctx, one: wish.Wish, job: Job): Promise<string> {
  const { store, clock, home } = ctx;
  if (job.request_id === null) {
    const [[asked]] = await store.commit([backup_request.ask(`forgetting ${one.id}`, clock.now(), true)]);
    job.request_id = asked?.id ?? null;
    openJobs(home.state).keep(one, job);
  }
  if (job.request_id === null) throw new Error('backup_request.ask: no row came back');
  const { request_id } = job;
  const until = clock.mono() + BACKUP_ms;
  ctx.doing('waiting for a backup without it');
  while (clock.mono() < until && !ctx.signal.aborted) {
    const [request] = await store.read(backup_request.of(request_id));
    if (request?.outcome) return request.outcome;
    await sleep(GLANCE_ms, ctx.signal);
  }
  ctx.signal.throwIfAborted();
  return 'asked for, and not done yet (is the service backup running?)';
}

const causeOf = (id: number) => `forgetting ${id}`;

async function complain({ persist, clock }: Ctx, id: number, why: string): Promise<void> {
  const text = `What was to be forgotten (wish ${id}) is not proved gone yet, and is tried again: ${why}`;
  const now = clock.now();
  await persist([incident.open({ cause: causeOf(id), service: 'memory', severity: 'warning', text, now })]);
}

async function end(
  { persist, clock }: Ctx,
  one: wish.Wish,
  state: 'done' | 'refused',
  outcome: string,
  ops: readonly Op[],
): Promise<void> {
  await persist([...settled(one, { state, outcome, tell: outcome, now: clock.now() }), ...ops]);
}
