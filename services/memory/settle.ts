/** How a wish ends: its row, and word of it where it was said. */

import type { Op } from '#shared/tables/op.ts';
import type { Outbound } from '#shared/tables/outbound.ts';
import * as outbound from '#shared/tables/outbound.ts';
import type { Wish } from '#shared/tables/wish.ts';
import * as wish from '#shared/tables/wish.ts';

/** Where a conversation is spoken to. Null: nobody reads there. `telegram:<chat>[/<topic>][/u<person>]`, `terminal:<name>`. */
export function placeOf(conversation: string): Pick<Outbound, 'channel' | 'conversation' | 'chat'> | null {
  const [, channel, name = ''] = /^(telegram|terminal):([^/]*)/.exec(conversation) ?? [];
  if (channel === 'telegram') return { channel, conversation, chat: name };
  return channel === 'terminal' ? { channel, conversation, chat: null } : null;
}

/** Void when it has ended before. @param tell null: it is not told, but for in its row */
export function settled(
  { id, conversation }: Pick<Wish, 'id' | 'conversation'>,
  end: { state: 'done' | 'refused'; outcome: string; tell: string | null; now: number },
): Op[] {
  const { state, outcome, tell, now } = end;
  const place = conversation === null ? null : placeOf(conversation);
  const to = { kind: 'notice', turn_id: null, message_ref: null } as const;
  return [
    wish.settle(id, { state, outcome, now }),
    ...(place && tell !== null
      ? [outbound.post({ key: `wish:${id}`, ...place, ...to, text: tell, now })]
      : []),
  ];
}
