/**
 * What can go wrong between a client and Telegram, on order: for a method or all, for the next calls, with a
 * probability, or until cleared.
 */

export type Fault = {
  /** The method, as in the URL; every method when absent. */
  method?: string;
  /** For so many calls; without end when absent. */
  times?: number;
  /** Strikes with this probability, drawn from `seed`; always when absent. */
  probability?: number;
  seed?: number;
} & (
  | { kind: 'drop_before' } // the connection breaks before the call takes effect
  | { kind: 'drop_after' } // the call takes effect, then the connection breaks without an answer
  | { kind: 'hang' } // no effect and never an answer
  | { kind: 'status'; status: number; body?: 'json' | 'html' } // refused by a gateway in front, no effect
  | { kind: 'too_many_requests'; retry_after_s: number } // refused, no effect
  | { kind: 'truncate' } // takes effect; the answer is complete HTTP around half of its JSON
  | { kind: 'slow'; over_ms: number } // takes effect; the answer's body trickles in over this time
);

type Armed = Fault & { left: number; random: () => number };

export function createFaults() {
  let armed: Armed[] = [];
  return {
    add: (fault: Fault) => {
      armed.push({
        ...fault,
        left: fault.times ?? Number.POSITIVE_INFINITY,
        random: seededRandom(fault.seed ?? 1),
      });
    },
    clear: () => {
      armed = [];
    },
    /** The fault that strikes this call, if one does: the first in order of injection. */
    strike: (method: string): Fault | undefined => {
      const struck = armed.find((fault) => {
        if (fault.left === 0 || (fault.method && fault.method.toLowerCase() !== method.toLowerCase()))
          return false;
        return fault.random() < (fault.probability ?? 1);
      });
      if (struck) struck.left -= 1;
      return struck;
    },
  };
}

/** The same numbers for the same seed, so that a torture run can be repeated (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
