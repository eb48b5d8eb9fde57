/** 'typing …' above a chat while a turn is in work and its chat sees nothing of it yet. */

import type { Api } from 'grammy/web';
import type { Context } from '#shared/runtime/context.ts';
import * as chat from '#shared/tables/chat.ts';
import * as preview from '#shared/tables/preview.ts';
import { callingFor } from './record.ts';
import { threadOf } from './send.ts';
import { failureOf } from './verdict.ts';

/** Telegram shows it for five seconds (Bot API: sendChatAction). */
const AGAIN_ms = 4_000;

/** Says so where it is time to. Nothing waits for it, and nobody misses one that fails. */
export function typist(ctx: Context<unknown>, api: Api): () => Promise<void> {
  const said = new Map<string, number>();

  async function say(to: string, thread: number | null): Promise<void> {
    try {
      await api.sendChatAction(to, 'typing', thread === null ? {} : { message_thread_id: thread });
    } catch (error) {
      const failure = failureOf(error);
      const now = ctx.clock.now();
      if (failure.kind === 'flood')
        await ctx.store.commit([chat.pause(to, now, now + failure.retry_after_ms)]);
      else ctx.log.info('typing.unsaid', { why: failure.what });
    }
  }

  return async () => {
    const now = ctx.clock.mono();
    const turns = await ctx.store.read(preview.unseen(ctx.clock.now()));
    for (const conversation of said.keys()) {
      if (!turns.some((turn) => turn.conversation === conversation)) said.delete(conversation);
    }
    for (const { chat: to, conversation } of turns) {
      if (now - (said.get(conversation) ?? Number.NEGATIVE_INFINITY) < AGAIN_ms) continue;
      said.set(conversation, now);
      callingFor({ payload: `chat ${to}`, turn_id: null }, () => say(to, threadOf(conversation))).catch(
        (error) => ctx.log.warn('typing.failed', { error }),
      );
    }
  };
}
