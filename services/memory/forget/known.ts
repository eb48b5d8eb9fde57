/** What was forgotten for good is not learnt again from what was read; the owner's own word may bring it back. */

import { openTombstones } from '#shared/forget/tombstones.ts';
import type { Context } from '#shared/runtime/context.ts';

export function isForgottenIn({ store, home }: Pick<Context<unknown>, 'store' | 'home'>) {
  const stones = openTombstones(home.state);
  return async (text: string) => (await stones.among(store.read, 'text', [text])).size > 0;
}
