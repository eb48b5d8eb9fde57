/**
 * The loop around a service's work, so that a service writes the step and not the loop: `look` claims one piece or
 * finds none, `act` does it. Up to `lanes` pieces are in work at once; looks never overlap. Between looks the loop
 * sleeps until the queue's bell rings, a piece ends, the next one is due, or `idle_ms` have passed, because a bell may
 * be lost and a clock may jump.
 */

import { backoff_ms } from '../base/backoff.ts';
import { type Clock, sleep } from '../base/clock.ts';

export type Work<Piece> = {
  name: string;
  /** How many pieces may be in work at once. */
  lanes?: number;
  look(): Promise<Piece | null | undefined>;
  act(piece: Piece): Promise<void>;
  /** When the next piece is due, ms since the epoch; null when none waits for a time. */
  due?(): Promise<number | null>;
  idle_ms?: number;
};

export type LoopOptions = {
  signal: AbortSignal;
  clock: Clock;
  /** Starts listening to the queue's bell; returns the way to stop. */
  listen(heard: () => void): () => void;
  /** It begins to look, or to ask what is due; what it returns is called at the end. A piece may take hours, a look may not. */
  looking(): () => void;
  /** A piece of work has ended, in success or failure: the loop lives. */
  progressed(): void;
  /** A step has failed. It is tried again later, unless this throws. */
  failed(error: unknown): void;
};

const RETRY = { first_ms: 200, most_ms: 30_000 };

/** Runs until the signal aborts and the pieces in work have ended. */
export async function loop<Piece>(work: Work<Piece>, options: LoopOptions): Promise<void> {
  const { signal, clock } = options;
  const lanes = work.lanes ?? 1;
  const inWork = new Set<Promise<void>>();
  const failures = { look: 0, act: 0 };
  let rung = false;
  let wake = () => {};
  const ring = () => {
    rung = true;
    wake();
  };
  const stopListening = options.listen(ring);
  signal.addEventListener('abort', ring, { once: true });

  /** Sleeps until rung, or until `ms` have passed. */
  async function rest(ms: number): Promise<void> {
    if (!rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      wake = () => {};
    }
    rung = false;
  }

  async function attempt<T>(what: 'look' | 'act', step: () => Promise<T>): Promise<{ result: T } | null> {
    const ended = what === 'look' ? options.looking() : options.progressed;
    try {
      const result = await step();
      failures[what] = 0;
      return { result };
    } catch (error) {
      failures[what] += 1;
      options.failed(error);
      return null;
    } finally {
      ended();
    }
  }

  async function act(piece: Piece): Promise<void> {
    const done = await attempt('act', () => work.act(piece));
    // The lane stays taken for the back-off: a piece that fails and is found again at once would be a busy loop.
    if (!done) await sleep(backoff_ms(failures.act - 1, RETRY), signal);
  }

  function start(piece: Piece): void {
    const running = act(piece).then(() => {
      inWork.delete(running);
      ring();
    });
    inWork.add(running);
  }

  while (!signal.aborted) {
    const free = inWork.size < lanes;
    const looked = free ? await attempt('look', work.look) : null;
    const piece = looked?.result;
    if (piece !== null && piece !== undefined) {
      start(piece);
      continue;
    }
    let ms = work.idle_ms ?? 5000;
    if (free && !looked) ms = backoff_ms(failures.look - 1, RETRY);
    else if (free && work.due) {
      const due_at = (await attempt('look', work.due))?.result;
      if (typeof due_at === 'number') ms = Math.min(ms, Math.max(1, due_at - clock.now()));
    }
    if (!signal.aborted) await rest(ms);
  }
  stopListening();
  await Promise.all(inWork);
}
