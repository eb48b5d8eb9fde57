/**
 * Memory: what the owner wants remembered, and forgotten. What a turn wishes that has read words of strangers is marked so,
 * and comes into force with the owner's word alone. To forget is for good: the owner is shown what, and decides.
 */

import * as z from 'zod/mini';
import { withRelated, withSources } from '#shared/forget/named.ts';
import { type Plan, plan, type Targets } from '#shared/forget/plan.ts';
import { shown } from '#shared/forget/shown.ts';
import { isUnclear } from '#shared/recall/memories.ts';
import { readingOf } from '#shared/recall/reading.ts';
import { type Found, recall as recalled } from '#shared/recall/recall.ts';
import { scopeAt } from '#shared/recall/scope.ts';
import { toldOf } from '#shared/recall/told.ts';
import { ownersOf } from '#shared/runtime/owners.ts';
import { integer } from '#shared/runtime/setting.ts';
import * as memory from '#shared/tables/memory.ts';
import * as taint from '#shared/tables/taint.ts';
import * as wish from '#shared/tables/wish.ts';
import { type Call, type Facts, type Tools, tool } from './registry.ts';
import { text } from './result.ts';

const allow = { do: 'allow' } as const;

/** What is told at once. */
const MOST_MEMORIES = 50;
const MOST_tokens = 3000;

export const remember = tool({
  name: 'remember',
  description: 'Remember a fact or wish of the owner for later conversations.',
  input: z.strictObject({ text: z.string().check(z.minLength(1), z.maxLength(2000)) }),
  offer: 'on demand',
  repeatable: true,
  about: (input) => `remember: ${input.text}`,
  policy: () => allow,
  async run(call, { ctx }) {
    const tainted = (await ctx.store.read(taint.ofTurn(call.turn_id))).length > 0;
    const asked = await wishOf(ctx, call);
    return {
      content: text(
        tainted
          ? 'Noted. It counts once the owner has said yes: this turn has read words of strangers.'
          : 'Remembered.',
      ),
      ops: [wish.post({ ...asked, kind: 'remember', text: call.input.text, tainted: tainted ? 1 : 0 })],
    };
  },
});

export const recall = tool({
  name: 'recall',
  description: 'Search what was said and is remembered; without a query, list what is remembered.',
  input: z.strictObject({ query: z.optional(z.string().check(z.maxLength(400))) }),
  offer: 'on demand',
  repeatable: true,
  about: (input) => `recall ${input.query ?? 'everything'}`,
  policy: () => allow,
  async run(call, { ctx }) {
    const scope = await scopeIn(ctx, call.conversation);
    const found = call.input.query
      ? await recalled(readingOf(ctx.store), {
          scope,
          text: call.input.query,
          now: ctx.clock.now(),
          budget_tokens: MOST_tokens,
          except_turns: [call.turn_id],
        })
      : await inForce(ctx, scope);
    if (found.length === 0) return { content: text('Nothing is remembered of that.') };
    const { texts, sources } = toldOf(found);
    return { content: text(texts.join('\n')), source: sources[0] ?? null };
  },
});

async function inForce({ store }: Tools, scope: string): Promise<Found[]> {
  const all = await store.read(memory.standing(scope));
  return all.slice(-MOST_MEMORIES).map((one) => {
    const { id, text, trust } = one;
    const at = one.valid_from ?? one.recorded_at;
    const found = {
      kind: 'memory',
      id,
      role: null,
      author: null,
      at,
      trust,
      text,
      score: 0,
      why: {},
    } as const;
    return { ...found, unclear: isUnclear(one, all) };
  });
}

const forgetting = z.strictObject({
  id: integer(1, Number.MAX_SAFE_INTEGER),
  related: z.optional(z.boolean()),
});

export const forget = tool({
  name: 'forget',
  description:
    'Forget a memory for good, by the number that recall shows (#12), and what it was made of; `related`: also what repeats it. The owner is asked.',
  input: forgetting,
  offer: 'on demand',
  repeatable: true,
  about: (input) => `forget #${input.id}`,
  async policy(input, facts) {
    const what = await facts.forgotten(input);
    if (what === null) return allow;
    return { do: 'ask', scope: `forget for good:\n${what}`, rule: null, grants: { hosts: [], paths: [] } };
  },
  async run(call, { ctx }) {
    const { id } = call.input;
    const going = await goingBy(ctx, call, call.input);
    if (!going) throw new Error(`nothing is remembered as #${id}: recall shows the numbers`);
    const asked = await wishOf(ctx, call);
    const targets_json = JSON.stringify(going.targets);
    return {
      content: text(`#${id} is being forgotten; the chat is told when it is gone everywhere.`),
      ops: [wish.post({ ...asked, kind: 'forget', memory_id: id, targets_json })],
    };
  },
});

/** Lines of each kind, that all of it fits into a question to the owner. */
const MOST_SHOWN = 3;

/**
 * What goes with the memory of that number, when it is remembered where the call is made; null: it is not.
 * @throws Unforgettable when it cannot go yet
 */
async function goingBy(
  ctx: Pick<Tools, 'store' | 'home'>,
  { conversation, created_at }: Pick<Call, 'conversation' | 'created_at'>,
  { id, related }: z.output<typeof forgetting>,
): Promise<{ targets: Targets; plan: Plan } | null> {
  const { read } = ctx.store;
  const scope = await scopeIn(ctx, conversation);
  const [found] = await read(memory.of(id));
  if (found?.scope !== scope) return null;
  const alone = await withSources(read, { memories: [id], turns: [] });
  const first = await plan(read, alone, { scope });
  if (!related) return { targets: alone, plan: first };
  const targets = withRelated(alone, first, created_at);
  return { targets, plan: await plan(read, targets, { scope }) };
}

/** As its owner is shown it. */
export async function forgottenBy(
  ctx: Pick<Tools, 'store' | 'home'>,
  call: Call,
  input: z.output<typeof forgetting>,
): ReturnType<Facts['forgotten']> {
  const going = await goingBy(ctx, call, input);
  return going && shown(going.plan, MOST_SHOWN);
}

async function wishOf(ctx: Tools, { conversation, turn_id, sender }: Call) {
  const scope = await scopeIn(ctx, conversation);
  return { scope, conversation, turn_id, given_by: sender ?? 'agent', at: ctx.clock.now() };
}

async function scopeIn({ store, home }: Pick<Tools, 'store' | 'home'>, conversation: string) {
  return scopeAt(store.read, conversation, await ownersOf(home.config, store));
}
