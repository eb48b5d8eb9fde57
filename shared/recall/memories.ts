/** What is remembered, among what was said: a further voice for its sources, never in their place. Pure. */

import type { Cited, Memory } from '#shared/tables/memory.ts';
import type { Candidate } from '#shared/tables/passage.ts';

/** So long until a memory of its kind counts half. */
const HALF_LIFE_days: Readonly<Record<Memory['kind'], number>> = {
  fact: 365,
  preference: 365,
  person: 730,
  task: 30,
  event: 90,
  instruction: Number.POSITIVE_INFINITY,
  summary: 180,
};
const DAY_ms = 86_400_000;

/** What age takes from a score at most; what being remembered adds to it; and to that of the messages it rests on. */
const AGE_most = 1;
const KEPT = 0.5;
const SUPPORT = 1;
/** What a message loses that is not so any more: to come after what is; or, where nothing took its place. */
const AFTER = 0.001;
const REPLACED = 1;

/** From 1 down to 0. What was pinned, what the owner said to remember, and what is still to come do not age. */
function strengthOf(memory: Memory, now: number): number {
  const to_come = Math.max(memory.due_at ?? 0, memory.valid_from ?? 0, memory.starts_at ?? 0) > now;
  if (memory.pinned || memory.origin === 'owner' || to_come) return 1;
  const age_ms = Math.max(0, now - memory.recorded_at);
  return 0.5 ** (age_ms / DAY_ms / HALF_LIFE_days[memory.kind]);
}

/** It is disputed, or another value of the same thing is. */
export function isUnclear(memory: Memory, among: Iterable<Memory>): boolean {
  const { scope, slot, status } = memory;
  if (status === 'disputed' || slot === null) return status === 'disputed';
  for (const one of among)
    if (one.status === 'disputed' && one.slot === slot && one.scope === scope) return true;
  return false;
}

/** To be ranked beside messages: negative ids, so that none is taken for a message. */
export function asCandidate({ id, text, recorded_at, trust }: Memory): Candidate {
  return {
    id: -id,
    conversation: `memory ${id}`,
    role: 'user',
    author: '',
    at: recorded_at,
    trust,
    text,
    context: '',
  };
}

export function sourcesOf({ sources_json }: Cited): number[] {
  return JSON.parse(sources_json);
}

type Scored = { candidate: Candidate; score: number; why: Record<string, number> };

/**
 * Adds to each score what memory says about it. A message whose word has been replaced comes after what replaced it,
 * however well it fits: the newest value is told first.
 * @param replaced messages that tell what is so no more, and the memory that has taken the place of it
 */
export function weigh<Item extends Scored>(
  ranked: readonly Item[],
  memories: readonly Cited[],
  replaced: readonly { message_id: number; id: number | null }[],
  now: number,
): Item[] {
  const best = Math.max(...ranked.map(({ score }) => score));
  const byId = new Map(ranked.map((item) => [item.candidate.id, item]));
  const added = new Map<number, Record<string, number>>();
  const add = (id: number, name: string, by: number) => {
    const all = added.get(id) ?? {};
    all[name] = Math.max(all[name] ?? Number.NEGATIVE_INFINITY, by);
    added.set(id, all);
  };
  for (const memory of memories) {
    const own = byId.get(-memory.id);
    if (!own) continue;
    add(-memory.id, 'kept', KEPT);
    add(-memory.id, 'age', AGE_most * (strengthOf(memory, now) - 1));
    for (const source of sourcesOf(memory)) add(source, 'memory', SUPPORT * Math.exp(own.score - best));
  }
  const weighed = new Map(
    ranked.map((item) => {
      const more = added.get(item.candidate.id) ?? {};
      const score = item.score + Object.values(more).reduce((sum, by) => sum + by, 0);
      return [item.candidate.id, { ...item, score, why: { ...item.why, ...more } }];
    }),
  );
  for (const { message_id, id } of replaced) {
    const old = weighed.get(message_id);
    const newer = id === null ? undefined : weighed.get(-id);
    if (!old) continue;
    if (newer && newer.score < old.score) {
      const why = { ...newer.why, newest: old.score - newer.score };
      weighed.set(newer.candidate.id, { ...newer, score: old.score, why });
    }
    const less = newer ? Math.min(0, newer.score - old.score) - AFTER : -REPLACED;
    weighed.set(message_id, { ...old, score: old.score + less, why: { ...old.why, replaced: less } });
  }
  return [...weighed.values()].toSorted((a, b) => b.score - a.score || b.candidate.id - a.candidate.id);
}
