/** What is seldom written and looked at by every call: read again only once somebody has committed something. */

import type { Store } from '#shared/store/store.ts';

export type Seen<T> = {
  now(): Promise<T>;
  /** This process has changed it itself, which SQLite does not tell it. */
  changed(): void;
};

/** Asking whether anything was committed costs as much as a small read: within this time nobody asks again. */
const GLANCE_ms = 10;

export function seen<T>(store: Store, read: () => Promise<T>): Seen<T> {
  let version: number | undefined;
  let looked_at = Number.NEGATIVE_INFINITY;
  let value: Promise<T> | undefined;
  return {
    now() {
      const now = performance.now();
      if (value && now - looked_at < GLANCE_ms) return value;
      looked_at = now;
      const current = store.version();
      // Of two that find it old at once, the second waits for what the first reads.
      if (!value || version !== current) {
        version = current;
        value = read();
        value.catch(() => {
          value = undefined;
        });
      }
      return value;
    },
    changed() {
      value = undefined;
    },
  };
}
