/**
 * The steps of a run: asked at once, or submitted in a batch and collected later; applied; and what was left at the provider
 * deleted. Each ends with one commit. Whoever dies between two does the last one again, under the same name: the router
 * gives what it has, and nothing is paid for twice.
 */

import type { Message } from '@anthropic-ai/sdk/resources/messages';
import { sleep } from '#shared/base/clock.ts';
import { messageOf } from '#shared/base/errors.ts';
import { uuid } from '#shared/base/ids.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as batch from '#shared/tables/batch.ts';
import * as call from '#shared/tables/call.ts';
import * as memory from '#shared/tables/memory.ts';
import * as memory_run from '#shared/tables/memory_run.ts';
import type { Op } from '#shared/tables/op.ts';
import type { Config } from '../config.ts';
import { applyChanges } from '../keep.ts';
import { type Answer, answerIn, changesOf } from './answer.ts';
import { type Asker, statusOf, type Verdict, verdictOn } from './ask.ts';
import { type Input, inputOf, questionOf } from './input.ts';
import { periodAt } from './period.ts';

type Run = memory_run.Run;
export type Runner = Pick<
  Context<Config>,
  'store' | 'clock' | 'config' | 'log' | 'home' | 'signal' | 'persist'
> & { asker: Asker };

const MINUTE_ms = 60_000;
/** How often it is looked whether a batch has ended. */
export const COLLECT_ms = 10 * MINUTE_ms;
/** An answer that was none is asked for once more; one that broke off, some times more. */
const MOST_ATTEMPTS = { malformed: 2, cut: 4 };

const tomorrow = (now: number) => periodAt('day', now, -1).starts_at;

/** Asks, or asks again under the step of before. */
export async function ask(ctx: Runner, run: Run): Promise<void> {
  const { store, config, clock, asker } = ctx;
  const input = await current(ctx, run);
  if (!input) return;
  const { params, shown } = await questionOf(store, config, run, input, clock.now());
  const step = run.step ?? `memory:${run.id}:${run.attempts + 1}`;
  if (run.state === 'planned') await begin(ctx, [{ run, shown }], step);
  const attempts = run.state === 'planned' ? run.attempts + 1 : run.attempts;
  try {
    const { message, call_id } = await asker.message(params, step);
    await received(ctx, { ...run, attempts }, message, await costOf(ctx, call_id));
  } catch (error) {
    if (ctx.signal.aborted) return;
    const verdict = verdictOn('message', error, clock.now(), tomorrow(clock.now()));
    await unanswered(ctx, [{ ...run, attempts }], verdict, messageOf(error));
  }
}

/** Submits all of them in one batch. One for which a budget has no room is tried with half of them. */
export async function submit(ctx: Runner, runs: readonly Run[]): Promise<void> {
  const { store, config, clock, asker } = ctx;
  const asked: { run: Run; shown: number[] }[] = [];
  const requests: Parameters<Asker['submit']>[0][number][] = [];
  for (const run of runs) {
    const input = await current(ctx, run);
    if (!input) continue;
    const { params, shown } = await questionOf(store, config, run, input, clock.now());
    asked.push({ run, shown });
    requests.push({ custom_id: `run-${run.id}`, params });
  }
  const [first] = asked;
  if (!first) return;
  const step = first.run.step ?? `memory:batch:${uuid(clock.now())}`;
  if (first.run.state === 'planned') await begin(ctx, asked, step);
  try {
    const ref = await asker.submit(requests, step);
    await ctx.persist([memory_run.taken(step, ref, clock.now() + COLLECT_ms)]);
    ctx.log.info('runs.submitted', { batch: ref, runs: asked.length });
  } catch (error) {
    if (ctx.signal.aborted) return;
    const now = clock.now();
    const mine = asked.map(({ run }) => ({
      ...run,
      attempts: run.attempts + (run.state === 'planned' ? 1 : 0),
    }));
    const status = statusOf(error);
    if (status === 400 || status === 404 || status === 405) {
      // Whoever answers takes no batches, or not these requests: which, a single one will show.
      ctx.log.info('batch.untaken', { cause: messageOf(error) });
      return replan(ctx, mine, { how: 'model', due_at: now, problem: messageOf(error), unpaid: true });
    }
    const verdict = verdictOn('batch', error, now, tomorrow(now));
    const half = mine.slice(0, Math.ceil(mine.length / 2));
    if (verdict.kind === 'later' && verdict.budget && half.length < mine.length) {
      await replan(ctx, mine, { due_at: now, problem: messageOf(error), unpaid: true });
      return submit(ctx, await asTheyAre(ctx, half));
    }
    await unanswered(ctx, mine, verdict, messageOf(error));
  }
}

async function begin(
  ctx: Runner,
  asked: readonly { run: Run; shown: number[] }[],
  step: string,
): Promise<void> {
  const due_at = ctx.clock.now() + MINUTE_ms;
  await ctx.persist(
    asked.map(({ run, shown }) =>
      memory_run.ask(run.id, { step, shown_json: JSON.stringify(shown), due_at }),
    ),
  );
}

const asTheyAre = async ({ store }: Runner, runs: readonly Run[]) =>
  (await store.read(memory_run.open)).filter(({ id }) => runs.some((run) => run.id === id));

/** Takes what a batch has brought, once it has ended. */
export async function collect(ctx: Runner, ref: string, runs: readonly Run[]): Promise<void> {
  const { clock, asker } = ctx;
  const open = new Map(runs.map((run) => [`run-${run.id}`, run]));
  const lost = (run: Run, problem: string) =>
    useless(ctx, run, { problem, most: MOST_ATTEMPTS.malformed, due_at: clock.now() });
  try {
    const results = await asker.results(ref);
    if (!results) return await defer(ctx, runs, clock.now() + COLLECT_ms, null);
    for await (const { custom_id, result } of results) {
      const run = open.get(custom_id);
      if (!run) continue;
      open.delete(custom_id);
      // What each cost is known when the batch is billed.
      if (result.type === 'succeeded') await received(ctx, run, result.message, 0);
      else await lost(run, `the provider says: ${result.type}`);
    }
  } catch (error) {
    if (ctx.signal.aborted) return;
    if (statusOf(error) !== 404) {
      return defer(ctx, [...open.values()], clock.now() + COLLECT_ms, messageOf(error));
    }
  }
  for (const run of open.values()) await lost(run, 'the provider has no result of it');
}

/** What the model said is written down before anything is made of it. */
async function received(ctx: Runner, run: Run, message: Message, cost_nanousd: number): Promise<void> {
  const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens } = message.usage;
  const tokens =
    input_tokens + output_tokens + (cache_read_input_tokens ?? 0) + (cache_creation_input_tokens ?? 0);
  const took = memory_run.took(run.id, { tokens, cost_nanousd });
  const answer = answerIn(message, run.period === null ? 'remember' : 'sum_up');
  if (answer) return void (await ctx.persist([memory_run.answered(run.id, JSON.stringify(answer)), took]));
  const problem = `its answer is not of the form that was asked for (${message.stop_reason})`;
  await useless(ctx, run, { problem, most: MOST_ATTEMPTS.malformed, due_at: ctx.clock.now() }, [took]);
}

/** Makes memories of the answer: all of it in one commit, with the end of the run. */
export async function apply(ctx: Runner, run: Run): Promise<void> {
  const input = await current(ctx, run);
  if (!input) return;
  const answer: Answer = JSON.parse(run.answer_json ?? 'null');
  const shown = await ctx.store.read(memory.named(JSON.parse(run.shown_json ?? '[]')));
  const { changes, left_out } = changesOf(answer, input, shown);
  const cause = {
    run,
    finishing: ({ applied, rejected, refused }: Awaited<ReturnType<typeof applyChanges>>) => [
      memory_run.end(run.id, {
        state: refused === null ? 'applied' : 'refused',
        changes: applied,
        rejected: rejected.length + left_out.length,
        problem:
          [...(refused ? [refused] : []), ...left_out, ...rejected.map(({ why }) => wordless(why))]
            .slice(0, MOST_PROBLEMS)
            .join('; ') || null,
        now: ctx.clock.now(),
      }),
    ],
  };
  const { applied, rejected } = await applyChanges(ctx, cause, run.scope, changes);
  ctx.log.info('run.applied', { run: run.id, applied, rejected: rejected.length + left_out.length });
}

/** No other answer waits for one that cannot be applied. */
export async function giveUp(ctx: Runner, run: Run, error: unknown): Promise<void> {
  ctx.log.error('run.failed', { run: run.id, error });
  await ctx.persist([failed(run, `it cannot be applied: ${wordless(messageOf(error))}`, ctx.clock.now())]);
}

const MOST_PROBLEMS = 20;
/** What a run's row says stays when the words that it was about are forgotten. */
const wordless = (why: string) => why.replace(/"[^"]*"?/g, '"…"');

/** The batches of which all is applied go from the provider, and with them their copies of what was said. */
export async function clear(ctx: Runner, ref: string): Promise<void> {
  try {
    await ctx.asker.drop(ref);
  } catch (error) {
    // A key that was revoked deletes nothing any more; the provider lets go of batches by itself after some weeks.
    if (verdictOn('batch', error, 0, 0).kind !== 'impossible') throw error;
    ctx.log.warn('batch.left', { ref, error });
  }
  const [known] = await ctx.store.read(batch.of(ref));
  const [bill] = known ? await ctx.store.read(call.named(known.call_id)) : [];
  const runs = await ctx.store.read(memory_run.ofBatch(ref));
  const tokens = runs.reduce((sum, run) => sum + (run.tokens ?? 0), 0);
  const share = ({ tokens: own }: Run) =>
    Math.round(((bill?.cost_nanousd ?? 0) * (own ?? 0)) / (tokens || 1));
  await ctx.persist([
    ...runs.map((run) => memory_run.took(run.id, { tokens: 0, cost_nanousd: share(run) })),
    memory_run.cleared(ref),
  ]);
}

/** What the run is about now. Something of it was forgotten: what is left is asked about anew, of nothing there is no answer. */
async function current(ctx: Runner, run: Run): Promise<Input | null> {
  const input = await inputOf(ctx.store, ctx.config, run);
  if (input?.hash === run.input_hash) return input;
  const problem = 'something of what it is about was forgotten meanwhile';
  const now = ctx.clock.now();
  const { id, how } = run;
  await ctx.persist([
    input
      ? memory_run.again(id, { how, input_hash: input.hash, due_at: now, problem, unpaid: false })
      : failed(run, problem, now),
  ]);
  return null;
}

async function unanswered(
  ctx: Runner,
  runs: readonly Run[],
  verdict: Verdict,
  problem: string,
): Promise<void> {
  const now = ctx.clock.now();
  ctx.log.warn('run.unanswered', { runs: runs.map(({ id }) => id), verdict: verdict.kind, problem });
  if (verdict.kind === 'unheard') return defer(ctx, runs, verdict.again_at, problem);
  if (verdict.kind === 'useless') {
    for (const run of runs)
      await useless(ctx, run, { problem, most: MOST_ATTEMPTS.cut, due_at: verdict.again_at });
    return;
  }
  const due_at = verdict.kind === 'later' ? verdict.again_at : tomorrow(now);
  await replan(ctx, runs, { due_at, problem, unpaid: true });
  await putOff(ctx, problem, due_at);
}

/** What keeps one from being asked keeps all: they are not tried one by one. */
export async function putOff(
  ctx: Runner,
  problem: string,
  due_at = tomorrow(ctx.clock.now()),
): Promise<void> {
  const waiting = (await ctx.store.read(memory_run.open)).filter(({ state }) => state === 'planned');
  await defer(ctx, waiting, due_at, problem);
}

async function defer(
  ctx: Runner,
  runs: readonly Run[],
  due_at: number,
  problem: string | null,
): Promise<void> {
  if (runs.length > 0) await ctx.persist(runs.map(({ id }) => memory_run.defer(id, due_at, problem)));
}

async function replan(
  ctx: Runner,
  runs: readonly Run[],
  of: { how?: Run['how']; due_at: number; problem: string; unpaid: boolean },
): Promise<void> {
  await ctx.persist(runs.map(({ id, how, input_hash }) => memory_run.again(id, { how, input_hash, ...of })));
}

/** Asked anew, unless it was asked `most` times; `more` goes along in the same commit. */
async function useless(
  ctx: Runner,
  run: Run,
  { problem, most, due_at }: { problem: string; most: number; due_at: number },
  more: readonly Op[] = [],
): Promise<void> {
  const over = run.attempts >= most;
  ctx.log.warn(over ? 'run.failed' : 'run.useless', { run: run.id, problem });
  const { how, input_hash } = run;
  await ctx.persist([
    ...more,
    over
      ? failed(run, problem, ctx.clock.now())
      : memory_run.again(run.id, { how, input_hash, due_at, problem, unpaid: false }),
  ]);
}

const failed = ({ id }: Run, problem: string, now: number) =>
  memory_run.end(id, { state: 'failed', changes: 0, rejected: 0, problem, now });

/** The router writes the bill while the answer is read. */
async function costOf({ store, signal }: Runner, call_id: string | null): Promise<number> {
  for (let looks = 0; call_id !== null && looks < 40; looks += 1) {
    const [row] = await store.read(call.named(call_id));
    if (!row || row.closed_at !== null) return row?.cost_nanousd ?? 0;
    await sleep(50, signal);
  }
  return 0;
}
