/**
 * The making of vectors: of whatever has none yet, the newest first, in the background. When all have theirs, it is tried on
 * the owner's own words whether they find more; only then are they used.
 */

import { backoff_ms } from '#shared/base/backoff.ts';
import { messageOf } from '#shared/base/errors.ts';
import { type Embed, NoVectors } from '#shared/recall/embed.ts';
import { NO_VECTOR } from '#shared/recall/vector.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as embedding from '#shared/tables/embedding.ts';
import * as embedding_trial from '#shared/tables/embedding_trial.ts';
import * as wish from '#shared/tables/wish.ts';
import type { Config } from '../config.ts';
import { isDue, tried } from './trial.ts';

/** So many texts are asked about at once, at most. */
const BATCH = 64;
/** So many rows are looked through at once for those without. */
const STRETCH = 500;
/** What was gone through is gone through again: an undone change brings words back. */
const AGAIN_ms = 86_400_000;
const REST = { first_ms: 60_000, most_ms: 3_600_000 };
/** Longer than any batch takes. */
const PATIENCE_ms = 120_000;

type Making = Pick<Context<Pick<Config, 'embed'>>, 'store' | 'clock' | 'log' | 'signal' | 'config'>;
type Step = () => Promise<unknown>;

export function maker(ctx: Making, ask: Embed) {
  const { store, clock, log, config } = ctx;
  const alias = config.embed;
  /** As the provider calls it; null: it has made none yet. */
  let model: string | null = null;
  let most = BATCH;
  let failures = 0;
  let rest_until_at = 0;
  let walk = newWalk();

  async function look(): Promise<Step | null> {
    const now = clock.now();
    // A time far ahead is one from before the clock was set back.
    if (now < rest_until_at && rest_until_at <= now + AGAIN_ms) return null;
    if (model === null) return () => asked(['vigil']);
    const bare = (await newest(model)) ?? (await walked(model, now));
    if (bare) return () => made(bare.slice(0, most));
    if (walk.over_at === null) return async () => {};
    const [latest] = await store.read(embedding_trial.latest);
    const [wished] = await store.read(wish.consolidated);
    if (!isDue(latest, { alias, model, now, wished_at: wished?.handled_at ?? null })) return null;
    const marked = model;
    return async () => {
      const trial = await tried(ctx, { alias, model: marked }, latest, embedded);
      if (trial) await store.commit([embedding_trial.add(trial)]);
    };
  }

  /** What has just come is among the newest. */
  async function newest(model: string): Promise<embedding.Bare[] | null> {
    for (const kind of ['passage', 'memory'] as const) {
      const bare = bareIn(await store.read(embedding.stretch(kind, model, Number.MAX_SAFE_INTEGER, STRETCH)));
      if (bare.length > 0) return bare;
    }
    return null;
  }

  /** One stretch further down; null: nothing in it. */
  async function walked(model: string, now: number): Promise<embedding.Bare[] | null> {
    if (walk.over_at !== null && Math.abs(now - walk.over_at) < AGAIN_ms) return null;
    if (walk.over_at !== null) walk = newWalk();
    const rows = await store.read(embedding.stretch(walk.of, model, walk.before, STRETCH));
    const bare = bareIn(rows);
    if (bare.length > 0) return bare;
    const last = rows.at(-1)?.id;
    if (last !== undefined) walk = { ...walk, before: last };
    else if (walk.of === 'passage') walk = { ...newWalk(), of: 'memory' };
    else walk = { ...walk, over_at: now };
    return null;
  }

  /** null: there are none now, and there is a rest. `unfit`: neither, and it is for something in these texts. */
  async function asked(texts: readonly string[]): Promise<embedding.Vector[] | 'unfit' | null> {
    const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(PATIENCE_ms)]);
    try {
      const answer = await ask({ model: alias, texts, headers: {}, signal });
      // Another model stands behind the name now: what the last one made is made anew.
      if (answer.model !== model) walk = newWalk();
      model = answer.model;
      failures = 0;
      return answer.vectors;
    } catch (error) {
      if (ctx.signal.aborted) return null;
      const wait_ms = error instanceof NoVectors ? error.retry_after_ms : null;
      rest_until_at = clock.now() + Math.max(wait_ms ?? 0, backoff_ms(failures, REST));
      failures += 1;
      const told = { alias, error: messageOf(error), again_at: rest_until_at };
      if (failures === 1) log.warn('vectors.unmade', told);
      else log.debug('vectors.unmade', told);
      return error instanceof NoVectors && error.unfit ? 'unfit' : null;
    }
  }

  async function made(bare: readonly embedding.Bare[]): Promise<void> {
    const found = await asked(bare.map(({ text }) => text));
    const marked = model;
    if (found === null || marked === null) return;
    if (found !== 'unfit') {
      await store.commit(bare.map((one, i) => embedding.keep(one, marked, found[i] ?? NO_VECTOR)));
      most = Math.min(BATCH, most * 2);
      return;
    }
    // They are asked about in fewer and fewer, until the one that is at fault is alone, and goes without.
    rest_until_at = 0;
    most = Math.max(1, Math.floor(bare.length / 4));
    if (bare.length === 1) await store.commit(bare.map((one) => embedding.keep(one, marked, NO_VECTOR)));
  }

  /** For the trial: those of all, or null; where the model would not take them, none that is near to anything. */
  async function embedded(texts: readonly string[]): Promise<embedding.Vector[] | null> {
    const all: embedding.Vector[] = [];
    for (let at = 0; at < texts.length; at += BATCH) {
      const marked = model;
      const these = texts.slice(at, at + BATCH);
      const some = await asked(these);
      if (some === null || marked !== model) return null;
      if (some === 'unfit') rest_until_at = 0;
      all.push(...(some === 'unfit' ? these.map(() => NO_VECTOR) : some));
    }
    return all;
  }

  return {
    look,
    act: async (step: Step) => void (await step()),
    due: async () => (rest_until_at > clock.now() ? rest_until_at : null),
  };
}

type Walk = { of: 'passage' | 'memory'; before: number; over_at: number | null };
const newWalk = (): Walk => ({ of: 'passage', before: Number.MAX_SAFE_INTEGER, over_at: null });

function bareIn(rows: readonly embedding.Row[]): embedding.Bare[] {
  return rows.flatMap(({ ref, text }) => (text === null ? [] : [{ ref, text }]));
}
