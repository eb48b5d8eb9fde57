/** What an owner says to an approval or of a permission, from wherever they sit. `tools` carries it out. */

import { sleep, systemClock } from '../base/clock.ts';
import type { Store } from '../store/store.ts';
import * as ruling from '../tables/ruling.ts';

/** A ruling takes milliseconds, unless nobody is there to carry it out. */
const PATIENCE_ms = 5000;

/** Gives a ruling and waits for what comes of it. */
export async function rule(
  store: Store,
  given: { about: string; choice: string; by: string },
): Promise<string> {
  const [[row]] = await store.commit([ruling.give({ ...given, now: systemClock.now() })]);
  const deadline = systemClock.mono() + PATIENCE_ms;
  while (row && systemClock.mono() < deadline) {
    const [found] = await store.read(ruling.of(row.id));
    if (found?.outcome) return found.outcome;
    await sleep(20);
  }
  return 'kept: it counts as soon as vigil runs (scripts/start), if that is in time';
}
