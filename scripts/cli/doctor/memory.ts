/** Whether what is said becomes memory, and what of it waits for its owner's word. */

import * as memories from '#shared/tables/memory.ts';
import * as memory_run from '#shared/tables/memory_run.ts';
import * as passage_cursor from '#shared/tables/passage_cursor.ts';
import { span } from '../status.ts';
import { type Check, fine, unseen, warning } from './check.ts';
import { running } from './services.ts';

/** A message is searchable a moment after it was said; after so long something holds it up. */
const BEHIND_ms = 10 * 60_000;

export const memory: Check = {
  name: 'memory',
  async run({ store, now }) {
    if (!store) return unseen('the store cannot be read');
    const [behind] = await store.read(passage_cursor.behind(now - BEHIND_ms));
    if (behind && behind.count > 0 && behind.since_at !== null) {
      const what = `${behind.count} messages cannot be searched yet, the first for ${span(now - behind.since_at)}`;
      const there = await running(store, 'memory', now);
      return warning(
        what,
        there ? 'see vigil logs memory; vigil restart memory' : 'start Vigil: the service memory does it',
      );
    }
    const counts = await store.read(memories.counts);
    const sum = (state: memories.Memory['status']) =>
      counts.filter(({ status }) => status === state).reduce((total, { count }) => total + count, 0);
    const [asked, held] = [sum('proposed') + sum('disputed'), sum('quarantined')];
    const last = Math.max(
      0,
      ...(await store.read(memory_run.lastApplied)).map(({ finished_at }) => finished_at),
    );
    const told = [
      `${sum('active')} in force`,
      ...(held > 0 ? [`${held} held back, for they rest on words of strangers`] : []),
      last === 0 ? 'nothing was gone over yet' : `gone over ${span(Math.max(0, now - last))} ago`,
    ].join(', ');
    if (asked === 0) return fine(told);
    return warning(
      `${asked} wait for your word; ${told}`,
      'vigil memory list --scope all, then confirm or reject each',
    );
  },
};
