/** How long a model takes: a fixed time, or one drawn from a log-normal distribution; and chance that can be repeated. */

import type { ServerResponse } from 'node:http';

/** Milliseconds. A distribution is named by its median and its 99th percentile. */
export type Delay = number | { median: number; p99: number };

/** Numbers in [0, 1), the same ones for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function draw(delay: Delay, random: () => number): number {
  if (typeof delay === 'number') return delay;
  const z99 = 2.3263478740408408;
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return delay.median * Math.exp((Math.log(delay.p99 / delay.median) / z99) * normal);
}

/** Waits, but no longer than the client does. */
export function pause(response: ServerResponse, ms: number): Promise<void> {
  if (ms <= 0 || response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = () => {
      clearTimeout(timer);
      response.off('close', settle);
      resolve();
    };
    // Without an end the timer is never set: only the close of the connection ends the wait.
    const timer = Number.isFinite(ms) ? setTimeout(settle, ms) : undefined;
    response.on('close', settle);
  });
}
