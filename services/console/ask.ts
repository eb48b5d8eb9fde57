/** Asks another service by its mailbox, as the command line does, and waits a moment for what comes of it. */

import { sleep } from '#shared/base/clock.ts';
import { uuid } from '#shared/base/ids.ts';
import { idleBecause } from '#shared/runtime/idle.ts';
import * as press from '#shared/tables/press.ts';
import * as wish from '#shared/tables/wish.ts';
import type { Done, Visit } from './page.ts';

/** The console's own: what is said here is the owner's, and is remembered with what they say elsewhere. */
export const CONVERSATION = 'terminal:console';
export const SOURCE = 'console';

/** Nobody waits longer for a page than for a word that it is asked for. */
const PATIENCE_ms = 3000;
const LOOK_ms = 20;

async function soon<T>({ ctx }: Visit, look: () => Promise<T | null>): Promise<T | null> {
  const began = ctx.clock.mono();
  for (;;) {
    const found = await look();
    if (found !== null || ctx.clock.mono() - began > PATIENCE_ms || ctx.signal.aborted) return found;
    await sleep(LOOK_ms, ctx.signal);
  }
}

/**
 * Presses these buttons, or types these commands; what core says came of each, or null where nothing has yet.
 * @param presses as `press` has them: `good:<turn>`, `/cost`
 */
export async function outcomesOf(visit: Visit, presses: readonly string[]): Promise<(string | null)[]> {
  const { clock, store } = visit.ctx;
  const now = clock.now();
  const keys = presses.map(() => uuid(now));
  await store.commit(
    presses.map((data, nth) =>
      press.receive({
        source: SOURCE,
        source_key: keys[nth] ?? '',
        channel: 'terminal',
        conversation: CONVERSATION,
        chat: null,
        sender: visit.by,
        data: data.toWellFormed(),
        message_ref: null,
        received_at: now,
      }),
    ),
  );
  const outcomes = new Map<string, string>();
  await soon(visit, async () => {
    for (const key of keys) {
      if (outcomes.has(key)) continue;
      const [found] = await store.read(press.of(SOURCE, key));
      if (typeof found?.outcome !== 'string') return null;
      outcomes.set(key, found.outcome);
    }
    return outcomes;
  });
  return keys.map((key) => outcomes.get(key) ?? null);
}

/** Why core has not come to a press yet. */
export function unpressed({ ctx }: Visit): string {
  return idleBecause(ctx.home, 'core', false) ?? 'core has not come to it yet';
}

/** Outcomes that a sentence says better. */
const CAME: Readonly<Record<string, string>> = {
  released: 'It is tried once more.',
  dropped: 'It is left unanswered.',
  stopped: 'It is stopped.',
  paused: 'It rests after its present step.',
  running: 'It goes on.',
  cancelled: 'It is cancelled.',
};
const NOT: Readonly<Record<string, string>> = {
  ambiguous: 'That could mean several: nothing was changed.',
  busy: 'Its conversation is at another message: retry it once that is answered.',
  'no such choice': 'There is no such choice: nothing was changed.',
  'not allowed': 'Only an owner may do that.',
  'nothing to do': 'It is so already.',
  'nothing to stop': 'There is nothing in work here.',
  'too late': 'That is settled already: nothing was changed.',
  unknown: 'Nothing is named so.',
};

/** Presses one, or types it. */
export async function pressed(visit: Visit, data: string): Promise<Done> {
  const [outcome = null] = await outcomesOf(visit, [data]);
  if (outcome === null) return { say: `Asked for: ${unpressed(visit)}.` };
  const refused = NOT[outcome];
  if (refused) return { say: refused, refused: true };
  return { say: CAME[outcome] ?? `${outcome.charAt(0).toUpperCase()}${outcome.slice(1)}.` };
}

/** Wishes it of memory. */
export async function wished(visit: Visit, asked: Omit<wish.Asked, 'given_by' | 'at'>): Promise<Done> {
  const { clock, store, home } = visit.ctx;
  const [[row]] = await store.commit([wish.post({ ...asked, given_by: visit.by, at: clock.now() })]);
  if (!row) throw new Error('wish.post: no row came back');
  const subject = asked.memory_id ? `memory ${asked.memory_id}` : `wish ${row.id}`;
  const idle = idleBecause(home, 'memory');
  const settled = await soon(visit, async () => {
    const [found] = await store.read(wish.of(row.id));
    return found && found.state !== 'pending' ? found : idle === null ? null : 'idle';
  });
  if (settled === null || settled === 'idle')
    return { say: `Kept as wish ${row.id}: ${idle ?? 'memory is still at it'}.`, subject };
  const say = settled.outcome ?? 'Done.';
  const done = { say, subject, noted: settled.state };
  return settled.state === 'refused' ? { ...done, refused: true } : done;
}
