/** A page looked at and worked by a test, without a browser. */

import type { Done, Page, Visit } from './page.ts';

/** @param address what follows the page's path: `12?kind=fact` */
export function turned(visit: Visit, address: string): Visit {
  const [id = '', query = ''] = address.split('?');
  return { ...visit, id: id === '' ? null : id, query: new URLSearchParams(query) };
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
): Promise<Done> {
  const act = page.actions?.[action];
  if (!act) throw new Error(`${page.name} has no action ${action}`);
  return act(visit, new Map(Object.entries(fields).map(([name, value]) => [name, String(value)])));
}
