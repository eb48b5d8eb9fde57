/**
 * What nobody asked for waits while it is quiet, and goes out as one message a chat afterwards. By day the same happens
 * to what had to wait for another reason, such as a dead network.
 */

import { quietUntil } from '#shared/base/quiet.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as outbound from '#shared/tables/outbound.ts';

type Desk = Pick<Context<unknown>, 'store' | 'clock' | 'shared' | 'log'>;
type Waiting = NonNullable<(typeof outbound.waiting)['row']>;

export function isQuiet({ shared, clock }: Desk): boolean {
  return quietUntil(shared.owner.quiet, clock.now()) !== null;
}

/** When something of the queue is to be looked at again: the end of the quiet counts. */
export async function nextDue(desk: Desk): Promise<number | null> {
  const { store, clock, shared } = desk;
  const until_at = quietUntil(shared.owner.quiet, clock.now());
  const [next] = await store.read(outbound.nextDue(until_at !== null));
  const due = [next?.due_at, until_at].filter((at) => typeof at === 'number');
  return due.length > 0 ? Math.min(...due) : null;
}

/**
 * Makes one message of what waits in each chat. Its caller is the only one who sends. A word of the watchdog's is not what
 * the others go into: it ends unsent when its owner has had it by another route.
 */
export async function gather({ store, clock, log }: Desk): Promise<void> {
  const now = clock.now();
  const waiting = await store.read(outbound.waiting);
  if (waiting.length < 2) return;
  for (const [place, all] of Map.groupBy(waiting, (one) => `${one.chat} ${one.conversation}`)) {
    const [first] = all;
    if (!first || all.length === 1) continue;
    const head = all.find(({ key }) => outbound.tellingOf(key) === null);
    const text = digestOf(all);
    const { chat, conversation } = first;
    const anew = { key: `digest:${first.key}`, channel: 'telegram', kind: 'notice', turn_id: null } as const;
    await store.commit([
      head
        ? outbound.digest(head.id, { text, now })
        : outbound.post({
            ...{ ...anew, chat, conversation, text, format: 'markdown' },
            ...{ message_ref: null, urgency: 'unasked', now },
          }),
      ...all.filter((one) => one !== head).map(({ id }) => outbound.gathered(id, head?.key ?? anew.key, now)),
    ]);
    log.info('messages.gathered', { into: head?.key ?? anew.key, messages: all.length, place });
  }
}

/** As Markdown. */
export function digestOf(waiting: readonly Pick<Waiting, 'text' | 'format' | 'created_at'>[]): string {
  const items = waiting.map(({ text, format, created_at }) => {
    const at = new Date(created_at);
    const time = [at.getHours(), at.getMinutes()].map((n) => String(n).padStart(2, '0')).join(':');
    return `**${time}**\n${format === 'plain' ? escaped(text) : text}`;
  });
  return [`${waiting.length} messages that could wait:`, ...items].join('\n\n');
}

function escaped(text: string): string {
  // Not by backslashes: `\\(` begins a formula.
  return text.replace(/[!-/:-@[-`{-~]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
