/** Removes the rows that have outlived what their tables keep, a few at a time: nobody waits for it. */

import type { Store } from '#shared/store/store.ts';
import { look, remove } from '#shared/tables/prune.ts';
import { tables } from '#shared/tables/tables.ts';

/** So many rows are looked at in one go, and removed in one transaction at most: milliseconds. */
const STRETCH = 200;

/** How many rows each table has lost. It can be cut off anywhere, and begins anew the next time. */
export async function prune(
  store: Store,
  of: { now: number; signal: AbortSignal },
): Promise<Map<string, number>> {
  const gone = new Map<string, number>();
  // Those that go with others come after them.
  const late = (keeps: unknown) => Number(typeof keeps === 'object' && keeps !== null && 'as' in keeps);
  for (const table of tables.toSorted((a, b) => late(a.keeps) - late(b.keeps))) {
    const rule = table.keeps;
    if (typeof rule === 'string') continue;
    let after = -1;
    while (!of.signal.aborted) {
      const rows = await store.read(look(table, rule, { now: of.now, after, most: STRETCH }));
      const old = rows.filter((row) => row.old).map(({ key }) => key);
      if (old.length > 0) {
        const [removed] = await store.commit([remove(table, rule, [...new Set(old)], of.now)]);
        gone.set(table.name, (gone.get(table.name) ?? 0) + removed.length);
      }
      const last = rows.at(-1);
      if (!last || rows.length < STRETCH) break;
      after = last.key;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return gone;
}
