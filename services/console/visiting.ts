/** A visit that no browser makes: for tests of pages. */

import { systemClock } from '#shared/base/clock.ts';
import type { Home } from '#shared/runtime/home.ts';
import type { Store } from '#shared/store/store.ts';
import type { Console, Page, Visit } from './page.ts';

/** @param address what follows the page's path: `12?kind=fact` */
export function visiting({ home, store }: { home: Home; store: Store }, address = ''): Visit {
  const [id = '', query = ''] = address.split('?');
  // The rest of a context is for the service itself.
  const ctx = { home, store, clock: systemClock, signal: new AbortController().signal } as Console;
  return {
    ctx,
    base: '/c/test',
    by: 'console test',
    id: id === '' ? null : id,
    query: new URLSearchParams(query),
  };
}

/** The page as text. */
export async function shown(page: Page, visit: Visit): Promise<string> {
  return String(await (await page.show(visit)).body);
}

export async function acted(
  page: Page,
  visit: Visit,
  action: string,
  fields: Record<string, string | number> = {},
) {
  const act = page.actions?.[action];
  if (!act) throw new Error(`${page.name} has no action ${action}`);
  return act(visit, new Map(Object.entries(fields).map(([name, value]) => [name, String(value)])));
}
