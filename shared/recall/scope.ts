/**
 * Whose memory a conversation is part of. The owner's private conversations share one; every other conversation has its
 * own, and a group never sees what was said in private.
 */

import * as slot from '../tables/slot.ts';
import * as task from '../tables/task.ts';
import type { Read } from './recall.ts';

/** That of the owner's private conversations. */
export const OWNER = 'owner';

/** @param owners the Telegram ids of the owners */
export function scopeOf(conversation: string, owners: readonly number[]): string {
  const [channel, chat = ''] = conversation.split(/[:/]/);
  const own = channel === 'terminal' || (channel === 'telegram' && owners.includes(Number(chat)));
  return own ? OWNER : conversation;
}

/** People talk with the agent there, whatever they come through; not jobs and tasks with themselves. */
export function isChat(conversation: string): boolean {
  return slot.idOf(conversation) === null && task.idOf(conversation) === null;
}

/** The scope in which a turn of the conversation recalls: that of a job or a task is where it was set up. */
export async function scopeAt(read: Read, conversation: string, owners: readonly number[]): Promise<string> {
  const [of_slot, of_task] = [slot.idOf(conversation), task.idOf(conversation)];
  const [home] =
    of_slot !== null ? await read(slot.jobOf(of_slot)) : of_task !== null ? await read(task.of(of_task)) : [];
  return scopeOf(home?.conversation ?? conversation, owners);
}
