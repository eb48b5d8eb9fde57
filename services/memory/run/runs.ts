/**
 * Consolidation by a model: every night, when it was wished, and, where that is wanted, whenever a session is over. What is
 * planned goes through its steps whenever it is due. Nothing new costs nothing: no call is made. One plan is made after the
 * other: two at once would have the same asked, and paid for, twice.
 */

import type { Context } from '#shared/runtime/context.ts';
import { socketOf } from '#shared/runtime/home.ts';
import * as memory_cursor from '#shared/tables/memory_cursor.ts';
import * as memory_run from '#shared/tables/memory_run.ts';
import type { Op } from '#shared/tables/op.ts';
import * as slot from '#shared/tables/slot.ts';
import * as slot_outcome from '#shared/tables/slot_outcome.ts';
import * as wish from '#shared/tables/wish.ts';
import type { Config } from '../config.ts';
import { alone } from '../keep.ts';
import { patiently } from '../patience.ts';
import { settled } from '../settle.ts';
import { askerAt } from './ask.ts';
import { gap_ms } from './input.ts';
import { type Planned, plan } from './plan.ts';
import { apply, ask, clear, collect, giveUp, putOff, type Runner, submit } from './step.ts';

const JOB = 'consolidate memory';
/** How often it is looked for sessions that are over. */
const IDLE_ms = 10 * 60_000;

type Step = () => Promise<unknown>;

export function runs(ctx: Context<Config>): void {
  const asker = askerAt(socketOf(ctx.home, 'router'), ctx.config.day_usd, ctx.signal);
  const runner: Runner = { ...ctx, asker };
  const isReal = () => asker.isReal(ctx.config.alias);
  const applyOrNot = patiently(
    ({ id }: memory_run.Run) => id,
    (run) => apply(runner, run),
    (run, error) => giveUp(runner, run, error),
  );
  let idle_at = 0;

  ctx.work<Step>({
    name: 'consolidation',
    queue: 'slot',
    idle_ms: 30_000,
    halts: true,
    async look() {
      const now = ctx.clock.now();
      const open = await ctx.store.read(memory_run.open);
      // To keep what is there comes before asking for more; and a batch is deleted before its runs are in another.
      const received = open.find(({ state }) => state === 'received');
      if (received) return () => applyOrNot(received);
      const [collected] = await ctx.store.read(memory_run.collected);
      if (collected) return () => clear(runner, collected.batch_ref);
      const step = stepOf(runner, isReal, open, now);
      if (step) return step;
      const due = (await ctx.store.read(slot.openFor('memory'))).find(({ job }) => job === JOB);
      if (due) return () => alone(runner, async () => nightly(ctx, due, await plan(ctx, isReal)));
      if (!ctx.config.when_idle || now < idle_at) return null;
      idle_at = now + IDLE_ms;
      const behind = await ctx.store.read(memory_cursor.behind);
      if (!behind.some(({ last_at }) => now - last_at >= gap_ms(ctx.config))) return null;
      return () => alone(runner, async () => commit(ctx, (await plan(ctx, isReal)).ops));
    },
    act: async (step) => void (await step()),
    async due() {
      const open = (await ctx.store.read(memory_run.open)).filter((run) => isWanted(ctx.config, run));
      const now = ctx.clock.now();
      return open.length > 0 ? Math.min(...open.map((run) => dueAt(run, now))) : null;
    },
  });
  ctx.work<wish.Wish>({
    name: 'wishes to consolidate',
    queue: 'wish',
    halts: true,
    look: async () => (await ctx.store.read(wish.next(['consolidate'])))[0],
    // Whoever wishes it now means what was said just now too.
    act: (one) => alone(runner, async () => granted(ctx, one, await plan(ctx, isReal, true))),
  });
}

const commit = async ({ persist }: Pick<Context<Config>, 'persist'>, ops: readonly Op[]) =>
  ops.length > 0 ? persist(ops) : [];

/** What is paid for is fetched also when nothing more is to be asked. */
const isWanted = ({ consolidate }: Config, { state }: memory_run.Run) =>
  consolidate !== 'off' || state !== 'planned';

/** Nothing is put off for longer than a budget's month: a time further ahead is one from before the clock was set back. */
const LONGEST_ms = 32 * 86_400_000;
const dueAt = ({ due_at }: memory_run.Run, now: number) => (due_at > now + LONGEST_ms ? now : due_at);

/** What is asked next, or asked after. */
function stepOf(
  ctx: Runner,
  isReal: () => Promise<boolean>,
  open: readonly memory_run.Run[],
  now: number,
): Step | null {
  const due = open.filter((run) => dueAt(run, now) <= now && isWanted(ctx.config, run));
  const first = due.find(({ state }) => state === 'submitted') ?? due[0];
  if (!first) return null;
  const { how, state, step, batch_ref } = first;
  const anew = state === 'planned';
  const really = (step: Step) => async () =>
    !anew || (await isReal()) ? step() : putOff(ctx, 'there is no model but the rehearsal');
  if (how !== 'batch') return really(() => ask(ctx, first));
  // Those of one submission go together, also when it has to be made sure of.
  const together = (anew ? due : open).filter(
    (run) => run.how === 'batch' && run.state === state && run.step === step,
  );
  if (anew || batch_ref === null) return really(() => submit(ctx, together));
  return () => collect(ctx, batch_ref, together);
}

async function nightly(
  ctx: Context<Config>,
  { id }: slot.Slot,
  { ops, runs, words }: Planned,
): Promise<void> {
  const state = runs > 0 ? 'done' : 'skipped';
  const told = { slot_id: id, service: 'memory', state, reason: words, at: ctx.clock.now() } as const;
  await ctx.persist([...ops, slot_outcome.tell(told)]);
}

async function granted(ctx: Context<Config>, one: wish.Wish, { ops, runs, words }: Planned): Promise<void> {
  const state = runs > 0 ? 'done' : 'refused';
  const end = { state, outcome: words, tell: `Memory: ${words}.`, now: ctx.clock.now() } as const;
  await ctx.persist([...ops, ...settled(one, end)]);
}
