/** Whom to tell: those whom the config names, and those who were let in by a code. */

import * as z from 'zod/mini';
import type { Store } from '../store/store.ts';
import * as member from '../tables/member.ts';
import { readSection } from './config.ts';

/** As much of the bridge's section as it needs. */
const people = z.looseObject({ owners: z._default(z.array(z.number()), []) });

/** As far as it can be known without the store. */
export function namedOwners(config: string): number[] {
  return readSection(config, 'telegram', people).owners;
}

export async function ownersOf(config: string, store: Store): Promise<number[]> {
  const members = await store.read(member.current);
  return [...new Set([...namedOwners(config), ...members.map(({ user_id }) => user_id)])];
}
