/**
 * Updates in. Our own loop around getUpdates: the offset moves in the commit that stores the updates, and Telegram
 * hears of it with the next poll only, so that nothing is confirmed before it is on the disk and nothing is taken twice.
 */

import type { Api } from 'grammy/web';
import { sleep } from '#shared/base/clock.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as poller from '#shared/tables/poller.ts';
import * as press from '#shared/tables/press.ts';
import { type Pressed, receive, updateIdOf } from './update.ts';
import { failureOf } from './verdict.ts';

/** The longest that the server lets a poll wait (telegram-bot-api, Client.cpp). */
export const POLL_s = 50;
/** Another poller's request lives for up to 50 s: whoever comes back sooner only starts the quarrel anew. */
const CONFLICT_ms = 55_000;
const KINDS = ['message', 'edited_message', 'callback_query', 'my_chat_member'] as const;

export type Bot = { id: number; api: Api; owners: readonly number[] };

type Telegram = Context<unknown>;

/** Polls once, and stores what came. `conflict_ms` is how long it waits when another program reads the updates. */
export function poll(ctx: Telegram, bot: Bot, conflict_ms = CONFLICT_ms): () => Promise<void> {
  let offset: number | undefined;
  let jumped = new AbortController();
  // After a sleep the connection may be dead without anybody having said so.
  ctx.onJump(() => jumped.abort());

  return async () => {
    offset ??= (await ctx.store.read(poller.position(bot.id)))[0]?.next_update_id;
    jumped = new AbortController();
    const signal = AbortSignal.any([ctx.signal, jumped.signal]);
    let updates: unknown[];
    try {
      const wanted = { limit: 100, timeout: POLL_s, allowed_updates: KINDS };
      updates = await bot.api.getUpdates(
        offset === undefined ? wanted : { ...wanted, offset },
        forGrammy(signal),
      );
    } catch (error) {
      if (signal.aborted) return;
      return unanswered(ctx, bot, error, conflict_ms);
    }
    ctx.doing('polling');
    ctx.problem(null);
    if (!Array.isArray(updates)) throw new Error(`getUpdates: expected an array, got ${typeof updates}`);
    if (updates.length === 0) return;
    const ids = updates.map(updateIdOf).filter((id) => id !== null);
    if (ids.length === 0) throw new Error('getUpdates: expected updates with an update_id, got none');
    // The last one's number, not the highest: a new sequence may begin below the old one.
    const next = (ids.at(-1) ?? 0) + 1;
    await store(ctx, bot, updates, next);
    offset = next;
  };
}

async function store(ctx: Telegram, bot: Bot, updates: unknown[], next: number): Promise<void> {
  const now = ctx.clock.now();
  const received = updates.map((update) => receive(update, bot.id, bot.owners, now));
  await ctx.store.commit([
    ...received.map(({ row }) => inbound.receive(row)),
    ...received.flatMap(({ row, notice }) =>
      notice && row.chat
        ? [
            outbound.post({
              key: notice.key,
              channel: 'telegram',
              conversation: `telegram:${row.chat}`,
              chat: row.chat,
              kind: 'notice',
              turn_id: null,
              text: notice.text,
              message_ref: null,
              now,
            }),
          ]
        : [],
    ),
    ...received.flatMap(({ pressed }) => (pressed?.press ? [press.receive(pressed.press)] : [])),
    poller.advance(bot.id, next, now),
  ]);
  for (const { row, pressed } of received) {
    // Not waited for: the next poll is worth more than a word that comes too late anyway.
    if (pressed) void acknowledge(ctx, bot, pressed);
    if (row.state === 'refused') ctx.log.warn('message.refused', { note: row.note, sender: row.sender });
    else ctx.log.info('message.received', { state: row.state });
  }
}

/** The button stops glowing, and goes. Best effort: one that stays does nothing when it is pressed again. */
async function acknowledge(ctx: Telegram, bot: Bot, { query_id, press, answer }: Pressed): Promise<void> {
  const signal = forGrammy(ctx.signal);
  const outcomes = await Promise.allSettled([
    bot.api.answerCallbackQuery(query_id, { text: answer, show_alert: press === null }, signal),
    press?.chat && bot.api.editMessageReplyMarkup(press.chat, Number(press.message_ref), {}, signal),
  ]);
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled' || ctx.signal.aborted) continue;
    ctx.log.warn('press.unacknowledged', { error: outcome.reason });
  }
}

async function unanswered(ctx: Telegram, bot: Bot, error: unknown, conflict_ms: number): Promise<void> {
  const failure = failureOf(error);
  ctx.doing(
    failure.kind === 'conflict'
      ? 'waiting: another program reads the updates of this bot'
      : 'waiting for Telegram',
  );
  ctx.problem(`Telegram: ${failure.what}`);
  switch (failure.kind) {
    case 'revoked':
      throw revoked(failure.what);
    case 'conflict':
      // 'webhook is active', or 'terminated by setWebhook request'.
      if (/webhook/i.test(failure.what)) {
        ctx.log.warn('webhook.removed', {}, 'a bot with a webhook gets no updates by polling');
        await bot.api.deleteWebhook({}, forGrammy(ctx.signal));
        return;
      }
      await sleep(conflict_ms * (1 + Math.random() / 4), ctx.signal);
      return;
    case 'flood':
      await sleep(failure.retry_after_ms, ctx.signal);
      return;
    default:
      throw error;
  }
}

/** grammY names the signal's type after a polyfill; what it wants of it is the platform's own. */
function forGrammy(signal: AbortSignal): NonNullable<Parameters<Api['getUpdates']>[1]> {
  return signal as unknown as NonNullable<Parameters<Api['getUpdates']>[1]>;
}

export function revoked(what: string): Misconfigured {
  return new Misconfigured(
    `telegram: the bot token is refused (${what})`,
    'get the token from @BotFather, put it into credentials/telegram.env as TELEGRAM_BOT_TOKEN, and start Vigil again',
  );
}
