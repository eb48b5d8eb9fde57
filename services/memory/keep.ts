/**
 * What memory is changed by: whatever finds something out, rules, models or wishes, hands in changes, and here they become
 * rows, all of one cause in one commit with its own end. So a death at any line leaves all of them or none.
 */

import { codeOf } from '#shared/base/errors.ts';
import { uuid } from '#shared/base/ids.ts';
import { scopeOf } from '#shared/recall/scope.ts';
import type { Context } from '#shared/runtime/context.ts';
import { ownersOf } from '#shared/runtime/owners.ts';
import { DAMAGED, type Store } from '#shared/store/store.ts';
import * as incident from '#shared/tables/incident.ts';
import * as memory from '#shared/tables/memory.ts';
import type { Run } from '#shared/tables/memory_run.ts';
import * as memory_source from '#shared/tables/memory_source.ts';
import * as message from '#shared/tables/message.ts';
import type { Op } from '#shared/tables/op.ts';
import type { Wish } from '#shared/tables/wish.ts';
import { opsOf, type Step } from './board.ts';
import type { Change } from './change.ts';
import { isForgottenIn } from './forget/known.ts';
import { type Facts, judge, type Verdict } from './judge.ts';
import { renewProfile } from './profile.ts';
import { slotOf } from './slots.ts';
import { hashOf } from './words.ts';

export type Keeper = Pick<Context<unknown>, 'store' | 'clock' | 'log' | 'home'>;

/** What the changes are from. */
export type Cause = ({ run: Pick<Run, 'how' | 'input_hash'> } | { wish: Wish }) & {
  /** Carried out before the changes, in their commit: the row of a run that begins with it. */
  opening?: readonly Op[];
  /** Carried out with them: the state of the run or wish, and what is told of it. */
  finishing?(outcome: Outcome): readonly Op[];
  /** Whether such words were forgotten for good; a run asks the tombstones when this says nothing. */
  isForgotten?(text: string): Promise<boolean>;
};

export type Outcome = Omit<Verdict, 'steps'> & {
  /** How many changes took effect; what is proposed, disputed or quarantined counts too. */
  applied: number;
};

/** @throws Fenced when what they rest on was forgotten meanwhile: nothing was changed, and it may be tried again */
export async function applyChanges(
  ctx: Keeper,
  cause: Cause,
  scope: string,
  changes: readonly Change[],
): Promise<Outcome> {
  return alone(ctx.store, async () => {
    const { steps, ...verdict } = judge(changes, await factsOf(ctx, cause, scope, changes));
    const outcome = { ...verdict, applied: verdict.kept.length };
    const report = 'run' in cause ? await reported(ctx, cause, scope, outcome) : [];
    await carryOut(ctx, cause, scope, steps, [...report, ...(cause.finishing?.(outcome) ?? [])]);
    return outcome;
  });
}

/** Commits steps that were decided, between the opening and the end of their cause. */
export async function carryOut(
  ctx: Keeper,
  cause: Pick<Cause, 'opening'> & ({ run: Pick<Run, 'input_hash'> } | { wish: Pick<Wish, 'id'> } | object),
  scope: string,
  steps: readonly Step[],
  finishing: readonly Op[],
): Promise<void> {
  const run_hash = 'run' in cause ? cause.run.input_hash : null;
  const wish_id = 'wish' in cause ? cause.wish.id : null;
  const at = ctx.clock.now();
  // What fences comes first: where somebody has done it already, that is why it fails.
  const ops = [...(cause.opening ?? []), ...finishing, ...opsOf(steps, { run_hash, wish_id, at })];
  if (ops.length > 0) {
    await ctx.store.commit(ops).catch(async (error) => {
      // Nothing was changed: the next time finds the index mended.
      if (codeOf(error) === DAMAGED) await mend(ctx, error);
      throw error;
    });
  }
  if (steps.length > 0) await renewProfile(ctx, scope);
}

/** What is remembered can be found by its words, whatever has befallen the index. */
export async function ensureFound(ctx: Keeper): Promise<void> {
  await ctx.store.commit([memory.check]).catch((error) => {
    if (codeOf(error) !== DAMAGED) throw error;
    return mend(ctx, error);
  });
}

async function mend({ store, log }: Keeper, error: unknown): Promise<void> {
  log.warn('index.damaged', { error });
  await store.commit([memory.rebuild]);
}

const turns = new WeakMap<object, Promise<unknown>>();

/** One after the other: what is decided on rows that another one is about to change would be decided wrongly. */
export function alone<T>(key: object, work: () => Promise<T>): Promise<T> {
  const done = (turns.get(key) ?? Promise.resolve()).then(work, work);
  turns.set(
    key,
    done.catch(() => {}),
  );
  return done;
}

async function factsOf(
  { store, clock, home }: Keeper,
  cause: Cause,
  scope: string,
  changes: readonly Change[],
): Promise<Facts> {
  const adds = changes.filter((change) => change.op === 'add');
  const owners = await ownersOf(home.config, store);
  const cited = [...new Set(changes.flatMap(({ sources }) => sources.map((one) => one.message_id)))];
  const said = await store.read(message.cited(cited));
  const memories = await touchedBy(store, scope, {
    hashes: adds.map(({ text }) => hashOf(text)),
    slots: adds.flatMap(({ slot }) => (slot === null ? [] : (slotOf(slot) ?? []))),
    ids: changes.flatMap((change) =>
      change.op === 'add' ? [] : [change.memory_id, ...(change.op === 'dispute' ? [change.other_id] : [])],
    ),
    starts: adds.flatMap(({ starts_at }) => starts_at ?? []),
  });
  const forgotten = new Set<string>();
  const isForgotten = cause.isForgotten ?? ('run' in cause ? isForgottenIn({ store, home }) : null);
  for (const { text } of adds) if (await isForgotten?.(text)) forgotten.add(text);
  const [active] = await store.read(memory.countActive(scope));
  const now = clock.now();
  return {
    scope,
    ...('wish' in cause ? rankOf(cause.wish) : { origin: originOf(cause.run), wish_id: null, vouched: null }),
    now,
    messages: said.map((one) => ({ ...one, scope: scopeOf(one.conversation, owners) })),
    memories,
    sources: await store.read(memory_source.of(memories.map(({ id }) => id))),
    active: active?.count ?? 0,
    forgotten,
    newUid: () => uuid(now),
  };
}

/** What is named, and what has the place that one of these may come back to. */
export async function touchedBy(store: Store, scope: string, what: memory.Touched): Promise<memory.Memory[]> {
  const named = await store.read(memory.touched(scope, what));
  return store.read(
    memory.touched(scope, {
      ids: named.map(({ id }) => id),
      hashes: [...what.hashes, ...named.map(({ hash }) => hash)],
      slots: [...what.slots, ...named.flatMap(({ slot }) => slot ?? [])],
      starts: [...what.starts, ...named.flatMap(({ starts_at }) => starts_at ?? [])],
    }),
  );
}

function originOf({ how }: Pick<Run, 'how'>): 'rule' | 'model' {
  return how === 'rule' ? 'rule' : 'model';
}

/** A wish that came out of a turn is the agent's: whoever spoke to it meanwhile may have put it into its head. */
export function rankOf(wish: Wish): Pick<Facts, 'origin' | 'wish_id' | 'vouched'> {
  const own = wish.turn_id === null;
  return {
    origin: own ? 'owner' : 'model',
    wish_id: wish.id,
    vouched: wish.tainted ? 0 : own ? 3 : 2,
  };
}

/** However many are refused one after the other, it is told once; it is over with the next that brings something. */
async function reported(
  { store, clock }: Keeper,
  { run }: { run: Pick<Run, 'how'> },
  scope: string,
  { refused, applied }: Pick<Outcome, 'refused' | 'applied'>,
): Promise<Op[]> {
  const now = clock.now();
  const cause = `memory by ${originOf(run)} in ${scope}`;
  if (refused !== null) {
    const text = `A pass over what was said in ${scope} was refused: ${refused}. Nothing was changed.`;
    return [incident.open({ cause, service: 'memory', severity: 'warning', text, now })];
  }
  if (applied === 0) return [];
  const open = (await store.read(incident.ongoing)).some((one) => one.cause === cause);
  return open ? [incident.close(cause, 'memory', now)] : [];
}
