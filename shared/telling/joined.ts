/**
 * What shows itself in several places at once is told once. A provider that is away opens the breakers of its models,
 * without a network everything outside is away, and a backup that fails is a job that fails: whichever of those is seen
 * first, or else the broadest, is told for all.
 * Pure.
 */

import type { Due, Recent } from '../tables/telling.ts';

type Item = Pick<Due, 'id' | 'cause' | 'phase' | 'opened_at' | 'closed_at'>;

/** Whoever sees the same trouble may see it so much later. */
const LAG_ms = 120_000;

/** The `whole` that it is a part of; how broad it is itself, 0 being the broadest; and whether the network explains it. */
type Part = { whole: string; breadth: number; outside: boolean };

/** Null: it stands for itself alone. */
export function partOf({ cause, text }: { cause: string; text: string }): Part | null {
  const outside = true;
  if (cause === 'network') return { whole: 'network', breadth: 0, outside };
  if (cause === 'backup' || cause === 'backup prune') return { whole: cause, breadth: 1, outside: false };
  if (/^job (hourly|daily) backup$/.test(cause)) return { whole: 'backup', breadth: 2, outside: false };
  if (cause === 'job prune') return { whole: 'backup prune', breadth: 2, outside: false };
  if (cause.startsWith('provider ')) return { whole: cause, breadth: 1, outside };
  if (cause === 'telegram is away') return { whole: cause, breadth: 1, outside };
  const [, provider] = /^breaker ([^/]+)\//.exec(cause) ?? [];
  if (provider !== undefined) return { whole: `provider ${provider}`, breadth: 2, outside };
  // It has other problems too, and those are nobody else's.
  if (cause === 'problem telegram' && text.startsWith('Telegram cannot be reached')) {
    return { whole: 'telegram is away', breadth: 2, outside };
  }
  return null;
}

/**
 * `join`: told with another one. `wait`: its end, while a broader one goes on. The rest is `alone`.
 * @param recent the latest incidents, those that are due among them
 */
export function joined<T extends Item & { text: string }>(
  due: readonly T[],
  recent: readonly Recent[],
): { alone: T[]; join: T[]; wait: T[] } {
  const sorted: { alone: T[]; join: T[]; wait: T[] } = { alone: [], join: [], wait: [] };
  for (const one of due) sorted[fateOf(one, due, recent)].push(one);
  return sorted;
}

function fateOf<T extends Item & { text: string }>(
  one: T,
  due: readonly T[],
  recent: readonly Recent[],
): 'alone' | 'join' | 'wait' {
  const part = partOf(one);
  if (part === null) return 'alone';
  const told = recent.find(({ id }) => id === one.id)?.told ?? 'no';
  if (told === 'with') return 'join';
  const related = recent.flatMap((other) => {
    const its = partOf(other);
    return its !== null && isSame(its, part) && other.id !== one.id
      ? [{ ...other, breadth: its.breadth }]
      : [];
  });
  if (told === 'itself') {
    const goesOn = related.some(({ breadth, closed_at }) => closed_at === null && breadth < part.breadth);
    return goesOn ? 'wait' : 'alone';
  }
  const speaks = related.some((other) => {
    const unsaid = due.some(({ id }) => id === other.id);
    // An end that waits for a broader one has not been told: all of it goes on.
    const goesOn = one.phase === 'begun' && unsaid && other.breadth > part.breadth;
    if (!goesOn && !together(one, other)) return false;
    if (other.told === 'itself') return true;
    const before = other.breadth < part.breadth || (other.breadth === part.breadth && other.id < one.id);
    return before && unsaid;
  });
  return speaks ? 'join' : 'alone';
}

function isSame(a: Part, b: Part): boolean {
  return a.whole === b.whole || (a.outside && b.outside && (a.breadth === 0 || b.breadth === 0));
}

/** At one time, as far as those who saw them can tell. What is over is no word for what has begun since. */
function together(one: Item, other: Recent): boolean {
  if (one.phase === 'begun') return other.closed_at === null;
  const until = one.closed_at ?? one.opened_at;
  return (
    other.opened_at - LAG_ms <= until &&
    (other.closed_at ?? Number.POSITIVE_INFINITY) + LAG_ms >= one.opened_at
  );
}
