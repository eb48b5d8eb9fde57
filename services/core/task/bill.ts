/** What a task or a run of a job has cost so far: all that the ledger has in its conversation, checks and summaries too. */

import type { Store } from '#shared/store/store.ts';
import * as task from '#shared/tables/task.ts';
import * as total from '#shared/tables/total.ts';
import { jobOf } from '../job.ts';

const HOUR_ms = 3_600_000;

export async function billOf(
  store: Store,
  { id, created_at }: Pick<task.Task, 'id' | 'created_at'>,
): Promise<number> {
  // Hours are where they began: the first one may have begun before the task did.
  const [bill] = await store.read(total.ofConversation(task.conversationOf(id), created_at - HOUR_ms));
  return bill?.cost_nanousd ?? 0;
}

/** Whether a turn is a task's or a job's, and the money for it is spent. */
export async function isSpent(store: Store, conversation: string): Promise<boolean> {
  const job = await jobOf(store, conversation);
  if (job !== null && job.run_nanousd !== null) {
    const [bill] = await store.read(total.ofConversation(conversation, job.at - HOUR_ms));
    return (bill?.cost_nanousd ?? 0) >= job.run_nanousd;
  }
  const id = task.idOf(conversation);
  const [found] = id === null ? [] : await store.read(task.of(id));
  return found !== undefined && (await billOf(store, found)) >= found.budget_nanousd;
}
