/** Somebody in the console, for the tests of one page: a real store, no browser and no server. */

import type { TestContext } from 'node:test';
import type * as z from 'zod/mini';
import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { type ServiceName, serviceOf } from '../manifest.ts';
import { defaultConfig } from '../runtime/config.ts';
import type { Context } from '../runtime/context.ts';
import { watchHalt } from '../runtime/halt.ts';
import { type Home, homeOf, prepareHome } from '../runtime/home.ts';
import type { Section } from '../runtime/setting.ts';
import { openStore, type Store } from '../store/store.ts';
import { scratch } from './scratch.ts';

export type Visiting<S extends Section> = {
  /** What a page and its actions are given. */
  visit: {
    ctx: Context<z.infer<S>>;
    base: string;
    by: string;
    id: string | null;
    query: URLSearchParams;
  };
  /** The store as that service sees it, for the rows that are its own. */
  as(principal: ServiceName | 'cli'): Promise<Store>;
};

/**
 * @param section the console's own, from its config.ts
 * @param of.id what follows the page's path; `query`: `state=dead&before=12`; `now`: what the clock says;
 *   `home`: that of a house, where there is one
 */
export async function visitTo<S extends Section>(
  t: TestContext,
  section: S,
  of: { id?: string; query?: string; now?: number; home?: Home } = {},
): Promise<Visiting<S>> {
  const home = of.home ?? homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  const stores = new Map<string, Promise<Store>>();
  const as = (principal: string) => {
    const opened = stores.get(principal) ?? openStore({ directory: home.state, principal, flush: 'normal' });
    stores.set(principal, opened);
    return opened;
  };
  t.after(async () => {
    for (const store of stores.values()) await (await store).close();
  });
  const halt = watchHalt(home.halted);
  t.after(() => halt.close());
  const { own, shared } = defaultConfig({ name: serviceOf('console').name, section });
  const silent = () => {};
  const { now } = of;
  const ctx: Partial<Context<z.infer<S>>> = {
    config: own,
    shared,
    home,
    halt,
    store: await as('console'),
    clock: now === undefined ? systemClock : { ...systemClock, now: () => now },
    log: { debug: silent, info: silent, warn: silent, error: silent, fatal: silent } as unknown as Log,
    signal: new AbortController().signal,
  };
  return {
    as,
    visit: {
      // A page needs no more of it.
      ctx: ctx as Context<z.infer<S>>,
      base: '/c/AAAAAAAAAAAAAAAAAAAAAA',
      by: 'console AAAAAA',
      id: of.id ?? null,
      query: new URLSearchParams(of.query ?? ''),
    },
  };
}
