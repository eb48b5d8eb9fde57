/**
 * The answer while it is being written, as a row that those who like to watch follow: at most one write a second, and none
 * for an answer that is there sooner. A draft that could not be written is no loss: the answer itself does not depend on it.
 */

import type { Log } from '#shared/base/log.ts';
import type { Store } from '#shared/store/store.ts';
import * as draft from '#shared/tables/draft.ts';
import type { Turn } from '#shared/tables/turn.ts';
import { visible } from './reply.ts';

const PACE_ms = 1000;

export type Drafting = {
  /** More of the text has come. */
  add(text: string): void;
  /** No more is written after this. */
  end(): void;
};

/** @param shown it is on show already: what comes replaces it at once */
export function drafting(
  { store, log }: { store: Store; log: Log },
  turn: Turn,
  clock: { now(): number },
  shown: boolean,
): Drafting {
  let text = '';
  let timer: NodeJS.Timeout | undefined;
  let last_at = shown ? 0 : clock.now();

  function write(): void {
    timer = undefined;
    last_at = clock.now();
    store
      .commit([rowOf(turn, { text: visible(text), status: null, now: last_at })], 'soon')
      .catch((error) => log.warn('draft.unwritten', { error }));
  }

  return {
    add(more) {
      text += more;
      if (isWatched(turn))
        timer ??= setTimeout(write, Math.max(0, Math.min(PACE_ms, last_at + PACE_ms - clock.now())));
    },
    end() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

/** A task or a job speaks to nobody: whoever wished it hears of it in another way. */
export function isWatched({ conversation }: Pick<Turn, 'conversation'>): boolean {
  return !/^(task|job):/.test(conversation);
}

export function rowOf(turn: Turn, how: { text: string; status: string | null; now: number }) {
  const { id: turn_id, conversation, channel, chat, message_ref } = turn;
  return draft.write({ turn_id, conversation, channel, chat, message_ref, ...how });
}
