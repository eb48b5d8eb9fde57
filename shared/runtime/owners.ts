/** Whose house it is: those whom the config names, and those who were let in by a code. */

import { statSync } from 'node:fs';
import * as z from 'zod/mini';
import type { Store } from '../store/store.ts';
import * as member from '../tables/member.ts';
import { readSection } from './config.ts';
import type { Context } from './context.ts';

/** As much of the bridge's section as it needs. */
const people = z.looseObject({ owners: z._default(z.array(z.number()), []) });

/** As far as it can be known without the store. */
export function namedOwners(config: string): number[] {
  return readSection(config, 'telegram', people).owners;
}

export async function ownersOf(config: string, store: Store): Promise<number[]> {
  return withMembers(namedOwners(config), store);
}

/** The same for whoever asks at each message: the file is read again only when it has changed. */
export function ownersReader({
  home,
  store,
  log,
}: Pick<Context<unknown>, 'home' | 'store' | 'log'>): () => Promise<number[]> {
  let named: number[] = [];
  let read_at: number | undefined;
  return () => {
    const changed_at = statSync(home.config, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (changed_at !== read_at) {
      read_at = changed_at;
      try {
        named = namedOwners(home.config);
      } catch (error) {
        // Half an edit makes a stranger of nobody.
        log.error('owners.unread', { error });
      }
    }
    return withMembers(named, store);
  };
}

async function withMembers(named: readonly number[], store: Store): Promise<number[]> {
  const members = await store.read(member.current);
  return [...new Set([...named, ...members.map(({ user_id }) => user_id)])];
}
