/**
 * What shows itself in several places at once is told once. A provider that is away opens the breakers of its models, and
 * without a network everything outside is away: whichever of those is seen first, or else the broadest, is told for all.
 * Pure.
 */

import type { Due, Recent } from '../tables/telling.ts';

type Item = Pick<Due, 'id' | 'cause' | 'phase' | 'opened_at' | 'closed_at'>;

/** Whoever sees the same trouble may see it so much later. */
const LAG_ms = 120_000;

/** What it is a part of, and how broad it is itself, 0 being the broadest; null: it stands for itself alone. */
export function partOf({
  cause,
  text,
}: {
  cause: string;
  text: string;
}): { whole: string; breadth: number } | null {
  if (cause === 'network') return { whole: 'network', breadth: 0 };
  if (cause.startsWith('provider ')) return { whole: cause, breadth: 1 };
  if (cause === 'telegram is away') return { whole: cause, breadth: 1 };
  const [, provider] = /^breaker ([^/]+)\//.exec(cause) ?? [];
  if (provider !== undefined) return { whole: `provider ${provider}`, breadth: 2 };
  // It has other problems too, and those are nobody else's.
  if (cause === 'problem telegram' && text.startsWith('Telegram cannot be reached')) {
    return { whole: 'telegram is away', breadth: 2 };
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
    const same = its !== null && (its.whole === part.whole || its.breadth === 0 || part.breadth === 0);
    return same && other.id !== one.id ? [{ ...other, breadth: its.breadth }] : [];
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

/** At one time, as far as those who saw them can tell. What is over is no word for what has begun since. */
function together(one: Item, other: Recent): boolean {
  if (one.phase === 'begun') return other.closed_at === null;
  const until = one.closed_at ?? one.opened_at;
  return (
    other.opened_at - LAG_ms <= until &&
    (other.closed_at ?? Number.POSITIVE_INFINITY) + LAG_ms >= one.opened_at
  );
}
