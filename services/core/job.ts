/** What a turn of a job is bound by: the command line that it is instead of a question, and its money. */

import type { Store } from '#shared/store/store.ts';
import type { Schedule } from '#shared/tables/schedule.ts';
import * as slot from '#shared/tables/slot.ts';
import type { Turn } from '#shared/tables/turn.ts';

/** The job whose slot is worked at in this conversation, if it is one of a job. */
export async function jobOf(store: Store, conversation: string): Promise<Schedule | null> {
  const id = slot.idOf(conversation);
  return id === null ? null : ((await store.read(slot.jobOf(id)))[0] ?? null);
}

/** The command line that is run in place of a question to the model. */
export async function commandOf(store: Store, { conversation }: Turn): Promise<string | null> {
  const job = await jobOf(store, conversation);
  return job?.kind === 'command' ? job.prompt : null;
}
