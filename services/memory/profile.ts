/**
 * The profile: what the model is told of a scope before every conversation. The same memories make the same words, so that
 * a provider's cache holds; and they are written only when they have changed.
 */

import { stamp } from '#shared/base/period.ts';
import { tokensOf } from '#shared/recall/fill.ts';

import type { Memory } from '#shared/tables/memory.ts';
import * as memory from '#shared/tables/memory.ts';
import * as profile from '#shared/tables/profile.ts';
import type { Keeper } from './keep.ts';

const MOST_tokens = 1200;

export type Profile = { text: string; items: number[] };

type Part = { title: string; holds(one: Memory): boolean };

/** In the order in which they are dropped last. Each memory stands in the first that holds it. */
const PARTS: readonly Part[] = [
  { title: 'Important', holds: ({ pinned }) => pinned === 1 },
  { title: 'Agreed', holds: ({ kind }) => kind === 'instruction' },
  { title: 'To do and coming up', holds: ({ due_at }) => due_at !== null },
  {
    title: 'Facts',
    holds: ({ slot, kind, origin }) => kind === 'fact' && (slot !== null || origin === 'owner'),
  },
  { title: 'People', holds: ({ kind }) => kind === 'person' },
  { title: 'Preferences', holds: ({ kind }) => kind === 'preference' },
  { title: 'To do', holds: ({ kind }) => kind === 'task' || kind === 'event' },
  { title: 'Besides', holds: () => true },
];

/** @param standing what is in force or disputed, in any order */
export function profileOf(standing: readonly Memory[]): Profile {
  const open = standing.filter(({ kind }) => kind !== 'summary');
  const used: { part: string; line: string; id: number }[] = [];
  const left = new Set(open);
  const contested = new Set(open.filter(({ status }) => status === 'disputed').map(({ slot }) => slot));
  let tokens = 0;
  for (const { title, holds } of PARTS) {
    const mine = [...left].filter(holds).toSorted(inOrder);
    for (const one of mine) {
      left.delete(one);
      const line = lineOf(one, one.status === 'disputed' || (one.slot !== null && contested.has(one.slot)));
      const cost =
        tokensOf(`${line}\n`) + (used.some(({ part }) => part === title) ? 0 : tokensOf(`\n${title}:\n`));
      if (tokens + cost > MOST_tokens) continue;
      tokens += cost;
      used.push({ part: title, line, id: one.id });
    }
  }
  const parts = [...Map.groupBy(used, ({ part }) => part)];
  return {
    text: parts
      .map(([title, rows]) => [`${title}:`, ...rows.map(({ line }) => line)].join('\n'))
      .join('\n\n'),
    items: used.map(({ id }) => id),
  };
}

/** The owner's own word first, then what is due first, then by slot; what has none, the newest first. */
function inOrder(a: Memory, b: Memory): number {
  return (
    Number(b.origin === 'owner') - Number(a.origin === 'owner') ||
    (a.due_at ?? Number.POSITIVE_INFINITY) - (b.due_at ?? Number.POSITIVE_INFINITY) ||
    compare(a.slot ?? '~', b.slot ?? '~') ||
    (b.valid_from ?? b.recorded_at) - (a.valid_from ?? a.recorded_at) ||
    b.id - a.id
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function lineOf({ text, due_at }: Memory, contested: boolean): string {
  const due = due_at === null ? '' : ` (${stamp(due_at)})`;
  return `- ${text.replace(/\s+/g, ' ')}${due}${contested ? ' [unclear: ask]' : ''}`;
}

/** Writes the profile of a scope anew, when it says something else now. */
export async function renewProfile({ store, clock }: Keeper, scope: string): Promise<void> {
  const [[before], standing] = await Promise.all([
    store.read(profile.of(scope)),
    store.read(memory.standing(scope)),
  ]);
  const { text, items } = profileOf(standing);
  if (text === (before?.text ?? '')) return;
  await store.commit([profile.put({ scope, text, items_json: JSON.stringify(items), at: clock.now() })]);
}

/** All of them: a death may have come between a change and its profile. */
export async function renewProfiles(ctx: Keeper): Promise<void> {
  for (const { scope } of await ctx.store.read(memory.scopes)) await renewProfile(ctx, scope);
}
