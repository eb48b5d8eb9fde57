/**
 * The owner's yes: what is proposed or disputed is asked about, each once, and what comes together in one message. Nobody
 * waits for the answer.
 */

import { SET_BACK_ms } from '#shared/base/clock.ts';
import type { Context } from '#shared/runtime/context.ts';
import { ownersOf } from '#shared/runtime/owners.ts';
import type { Memory } from '#shared/tables/memory.ts';
import * as memory from '#shared/tables/memory.ts';
import * as outbound from '#shared/tables/outbound.ts';
import { alone, type Keeper } from './keep.ts';
import { placeOf } from './settle.ts';

/** What is found soon after goes along. */
const TOGETHER_ms = 10_000;
/** More is not read; the rest comes in the next message. */
const MOST_asked = 8;

export function asks(ctx: Context<unknown>): void {
  ctx.work({
    name: 'asks',
    queue: 'wish',
    look: () => unasked(ctx),
    // What is decided meanwhile is not asked about, nor does it forget that it was.
    act: () => alone(ctx.store, async () => ask(ctx, (await unasked(ctx)) ?? [])),
  });
}

/** Those of one scope, once nothing new has joined them for a while. */
export async function unasked({ store, clock }: Keeper): Promise<Memory[] | null> {
  const rows = await store.read(memory.unasked);
  const mine = rows.filter(({ scope }) => scope === rows[0]?.scope);
  const newest = Math.max(...mine.map(({ recorded_at }) => recorded_at));
  const age_ms = clock.now() - newest;
  // From further ahead it is one from before the clock was set back.
  const settled = age_ms >= TOGETHER_ms || age_ms < -SET_BACK_ms || mine.length >= MOST_asked;
  return mine.length > 0 && settled ? mine.slice(0, MOST_asked) : null;
}

export async function ask({ store, clock, home }: Keeper, rows: readonly Memory[]): Promise<void> {
  const [first] = rows;
  if (!first) return;
  const now = clock.now();
  const ids = rows.map(({ id }) => id);
  const [owner] = await ownersOf(home.config, store);
  const own = owner === undefined ? 'terminal:main' : `telegram:${owner}`;
  const place = placeOf(first.scope === 'owner' ? own : first.scope);
  const against = await Promise.all(rows.map(async (one) => (await store.read(memory.rivals(one)))[0]));
  const lines = rows.map((one, i) => lineOf(one, against[i]));
  const how = place?.channel === 'terminal' ? '\n\nTo answer: vigil memory confirm <number>, or reject.' : '';
  const head = rows.length === 1 ? 'Shall I remember this?' : 'Shall I remember these?';
  const buttons = rows.map(({ id }) => [
    { text: `✓ #${id}`, data: `memory:confirm:${id}` },
    { text: `✗ #${id}`, data: `memory:reject:${id}` },
  ]);
  await store.commit([
    memory.asked(ids, now),
    ...(place
      ? [
          outbound.post({
            ...{ key: `memory:ask:${ids.join(',')}:${now}`, ...place, kind: 'notice', turn_id: null },
            ...{ message_ref: null, text: `${head}\n${lines.join('\n')}${how}`, urgency: 'unasked', now },
            ...(place.channel === 'telegram' && { buttons }),
          }),
        ]
      : []),
  ]);
}

function lineOf({ id, text, status }: Memory, against: Memory | undefined): string {
  const said = `#${id} "${text.replace(/\s+/g, ' ').slice(0, 300).toWellFormed()}"`;
  if (status === 'proposed') return `${said}: I would act on it.`;
  return against
    ? `${said}, though I know: "${against.text.slice(0, 300).toWellFormed()}"`
    : `${said}: is that still so?`;
}
