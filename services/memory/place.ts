/** Where a conversation is spoken to. */

import type { Outbound } from '#shared/tables/outbound.ts';

/** Null: nobody reads there. `telegram:<chat>[/<topic>][/u<person>]`, `terminal:<name>`. */
export function placeOf(conversation: string): Pick<Outbound, 'channel' | 'conversation' | 'chat'> | null {
  const [, channel, name = ''] = /^(telegram|terminal):([^/]*)/.exec(conversation) ?? [];
  if (channel === 'telegram') return { channel, conversation, chat: name };
  return channel === 'terminal' ? { channel, conversation, chat: null } : null;
}
