/**
 * Whose memory a conversation is part of. The owner's private conversations share one; every other conversation has its
 * own, and a group never sees what was said in private.
 */

const OWNER = 'owner';

/** @param owners the Telegram ids of the owners */
export function scopeOf(conversation: string, owners: readonly number[]): string {
  const [channel, chat = ''] = conversation.split(/[:/]/);
  const own = channel === 'terminal' || (channel === 'telegram' && owners.includes(Number(chat)));
  return own ? OWNER : conversation;
}
