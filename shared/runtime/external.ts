/** Calls of the world outside, models apart, as rows: whom, what for, how it ended, how long it took. */

import type { Clock } from '../base/clock.ts';
import { codeOf } from '../base/errors.ts';
import { idsNow, type Log } from '../base/log.ts';
import type { Store } from '../store/store.ts';
import * as external_call from '../tables/external_call.ts';

export type About = {
  /** Where what was sent is kept: `outbound 12`. Never what was sent. */
  payload?: string;
  /** The turn in whose name it is made; that of the log's ids when left out. */
  turn_id?: string | null;
  /** How often it was tried before. */
  retries?: number;
};

/**
 * Does `work`, and writes down how it went; what it throws is thrown on.
 * @param target whom, without a secret in it: `api.telegram.org`
 * @param action what for: a method's or a tool's name
 */
export type External = <T>(
  target: string,
  action: string,
  work: () => Promise<T>,
  about?: About,
) => Promise<T>;

export function externalOf(of: { service: string; store: Store; clock: Clock; log: Log }): External {
  const { service, store, clock, log } = of;
  return async (target, action, work, about = {}) => {
    const at = clock.now();
    const began = clock.mono();
    let status = 'ok';
    try {
      return await work();
    } catch (error) {
      status = statusOf(error);
      throw error;
    } finally {
      const { turn } = idsNow();
      const row = {
        service,
        target,
        action,
        payload: about.payload ?? null,
        status,
        latency_ms: Math.round(clock.mono() - began),
        retries: about.retries ?? 0,
        turn_id: about.turn_id ?? (typeof turn === 'string' ? turn : null),
        at,
      };
      // Nobody waits for the accounts.
      store
        .commit([external_call.record(row)], 'soon')
        .catch((error) => log.warn('external_call.unwritten', { error }));
    }
  };
}

/** An HTTP status, a Bot API's error code, or an error's own code or name. */
export function statusOf(error: unknown): string {
  const { status, error_code, name } = (error ?? {}) as Record<string, unknown>;
  for (const code of [status, error_code]) if (typeof code === 'number') return String(code);
  return codeOf(error) || (typeof name === 'string' ? name : 'failed');
}
