/**
 * Updates in. Our own loop around getUpdates: the offset moves in the commit that stores the updates, and Telegram
 * hears of it with the next poll only, so that nothing is confirmed before it is on the disk and nothing is taken twice.
 */

import { statSync } from 'node:fs';
import type { InlineKeyboardMarkup } from 'grammy/types';
import type { Api } from 'grammy/web';
import { sleep } from '#shared/base/clock.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as attachment from '#shared/tables/attachment.ts';
import * as chat from '#shared/tables/chat.ts';
import * as inbound from '#shared/tables/inbound.ts';
import type { Op } from '#shared/tables/op.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as poller from '#shared/tables/poller.ts';
import * as press from '#shared/tables/press.ts';
import { type Settings, watchAccess } from './access.ts';
import { haltFor, run } from './errand.ts';
import { offerMenu } from './menu.ts';
import { type Facts, type Pressed, type Received, receive, updateIdOf } from './update.ts';
import { type Failure, failureOf } from './verdict.ts';

/** The longest that the server lets a poll wait (telegram-bot-api, Client.cpp). */
export const POLL_s = 50;
/** Another poller's request lives for up to 50 s: whoever comes back sooner only starts the quarrel anew. */
const CONFLICT_ms = 55_000;
const KINDS = ['message', 'edited_message', 'callback_query', 'my_chat_member'] as const;
/** Telegram keeps a message for so long (telegram-bot-api, Client.cpp); what is older when we come back is gone. */
const KEPT_ms = 86_400_000;
/** How often it is noted that Telegram answers. */
const NOTED_ms = 60_000;

export type Bot = { id: number; api: Api; transcribes: boolean };

type Telegram = Context<Settings>;

/** Polls once, and stores what came. `conflict_ms` is how long it waits when another program reads the updates. */
export function poll(ctx: Telegram, bot: Bot, conflict_ms = CONFLICT_ms): () => Promise<void> {
  let offset: number | undefined;
  /** The bot's @name: what others call it in a group. */
  let name: string | undefined;
  let jumped = new AbortController();
  // After a sleep the connection may be dead without anybody having said so.
  ctx.onJump(() => jumped.abort());
  const access = watchAccess(ctx);
  const heard = hearing(ctx, bot);

  const look = async (called: string): Promise<Facts> => ({
    ...(await access()),
    bot: { id: bot.id, name: called },
    transcribes: bot.transcribes,
    halt: haltOf(ctx.home.halted),
    now: ctx.clock.now(),
  });

  return async () => {
    jumped = new AbortController();
    const signal = AbortSignal.any([ctx.signal, jumped.signal]);
    let updates: unknown[];
    try {
      name ??= await introduce(ctx, bot, signal);
      // A bot that has never polled has no number yet.
      offset ??= (await ctx.store.read(poller.position(bot.id)))[0]?.next_update_id || undefined;
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
    const facts = await look(name);
    if (updates.length > 0) {
      const ids = updates.map(updateIdOf).filter((id) => id !== null);
      if (ids.length === 0) throw new Error('getUpdates: expected updates with an update_id, got none');
      await store(ctx, bot, updates, facts, look);
      // The last one's number, not the highest: a new sequence may begin below the old one.
      offset = (ids.at(-1) ?? 0) + 1;
    }
    await heard(facts);
  };
}

/** Asks who the bot is, which a group needs to know it by, and shows what it can be told. */
async function introduce(ctx: Telegram, bot: Bot, signal: AbortSignal): Promise<string> {
  const me = await bot.api.getMe(forGrammy(signal));
  const reads_groups = me.can_read_all_group_messages;
  await ctx.store.commit([poller.introduce(bot.id, { name: me.username, reads_groups }, ctx.clock.now())]);
  ctx.log.info('bot.introduced', { name: me.username, reads_groups });
  try {
    if (await offerMenu(bot.api, forGrammy(signal))) ctx.log.info('menu.offered', {});
  } catch (error) {
    // Without it everything works as well; the next start tries again.
    if (!signal.aborted) ctx.log.warn('menu.withheld', { error });
  }
  return me.username;
}

/** Notes that Telegram was heard from; when it was away for longer than it keeps a message, the owners must know. */
function hearing(ctx: Telegram, bot: Bot): (facts: Facts) => Promise<void> {
  let heard_at: number | null | undefined;
  return async ({ owners, now }) => {
    heard_at ??= (await ctx.store.read(poller.position(bot.id)))[0]?.heard_at ?? null;
    if (heard_at !== null && now >= heard_at && now - heard_at < NOTED_ms) return;
    const lost = heard_at !== null && now - heard_at > KEPT_ms;
    const away_h = Math.round((now - (heard_at ?? now)) / 3_600_000);
    const text = `I could not hear Telegram for ${away_h} hours. It keeps messages for 24 hours only: what you wrote before that may be lost. Please look, and write it again.`;
    const told = [...owners].map((owner) =>
      notice(`outage:${bot.id}:${heard_at}:${owner}`, `telegram:${owner}`, String(owner), text, now),
    );
    await ctx.store.commit([poller.heard(bot.id, now), ...(lost ? told : [])]);
    heard_at = now;
  };
}

/** What tells one halt from the next, so that each is told of once; null when nothing is halted. */
function haltOf(file: string): string | null {
  const halted = statSync(file, { throwIfNoEntry: false });
  return halted ? String(halted.mtimeMs) : null;
}

async function store(
  ctx: Telegram,
  bot: Bot,
  updates: unknown[],
  known: Facts,
  look: (name: string) => Promise<Facts>,
): Promise<void> {
  let facts = known;
  // Before anything that could fail: a halt must not wait for a disk that is full.
  for (const update of updates) {
    const { errand } = receive(update, facts);
    if (errand?.do === 'halt') haltFor(ctx, errand);
  }
  const muted = new Set((await ctx.store.read(chat.muted)).map((row) => row.chat));
  let ops: Op[] = [];
  let heard: Received[] = [];
  let next: number | undefined;
  const commit = async () => {
    if (next === undefined) return;
    await ctx.store.commit([...ops, poller.advance(bot.id, next, facts.now)]);
    for (const { row, pressed } of heard) {
      // Not waited for: the next poll is worth more than a word that comes too late anyway.
      if (pressed) void acknowledge(ctx, bot, pressed);
      if (row.state === 'refused')
        ctx.log.warn('message.refused', { update: row.source_key, note: row.note, sender: row.sender });
      else ctx.log.info('message.received', { update: row.source_key, state: row.state });
    }
    ops = [];
    heard = [];
  };
  for (const update of updates) {
    const received = receive(update, facts);
    const { row, errand, standing } = received;
    const id = updateIdOf(update);
    // What these do rests on all that came before them, and what comes after on what they did.
    const turning = errand !== undefined || (standing !== undefined && 'moved_to' in standing);
    if (turning) await commit();
    heard.push(received);
    ops.push(...opsOf(received, muted, facts.now));
    if (errand) {
      const conversation = row.conversation ?? `telegram:${row.chat}`;
      const desk = { conversation, chat: row.chat ?? '', message_ref: row.message_ref };
      ops.push(...(await run(ctx, errand, desk, { bot_id: bot.id, owners: facts.owners })));
    }
    if (id !== null) next = id + 1;
    if (turning) {
      await commit();
      facts = await look(facts.bot.name);
    }
  }
  await commit();
}

/** All that the commit of an update holds. */
function opsOf(received: Received, muted: ReadonlySet<string>, now: number): Op[] {
  const { row, files, notices, standing } = received;
  const to = row.chat;
  const commanded = received.press ?? received.pressed?.press;
  const ops: Op[] = [inbound.receive(row), ...files.map((file) => attachment.receive(row, file, now))];
  if (to !== null) {
    const conversation = row.conversation ?? `telegram:${to}`;
    ops.push(...notices.map(({ key, text }) => notice(key, conversation, to, text, now)));
  }
  if (commanded) ops.push(press.receive(commanded));
  if (standing && to !== null) {
    if ('moved_to' in standing)
      ops.push(chat.move(to, standing.moved_to), outbound.move(to, standing.moved_to));
    else if (standing.muted !== null) ops.push(chat.mute(to, now, standing.muted));
    else if (muted.has(to)) ops.push(chat.unmute(to));
  }
  return ops;
}

function notice(key: string, conversation: string, to: string, text: string, now: number): Op {
  return outbound.post({
    key,
    channel: 'telegram',
    conversation,
    chat: to,
    kind: 'notice',
    turn_id: null,
    text,
    message_ref: null,
    now,
  });
}

/** The button stops glowing, and goes, or is marked. Best effort: one that stays does nothing when it is pressed again. */
async function acknowledge(
  ctx: Telegram,
  bot: Bot,
  { query_id, press, answer, keyboard }: Pressed,
): Promise<void> {
  const signal = forGrammy(ctx.signal);
  const outcomes = await Promise.allSettled([
    bot.api.answerCallbackQuery(query_id, { text: answer, show_alert: press === null }, signal),
    press?.chat &&
      keyboard &&
      bot.api.editMessageReplyMarkup(
        press.chat,
        Number(press.message_ref),
        { reply_markup: keyboard as InlineKeyboardMarkup },
        signal,
      ),
  ]);
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled' || ctx.signal.aborted) continue;
    ctx.log.warn('press.unacknowledged', { error: outcome.reason });
  }
}

function troubleOf({ kind }: Failure): string {
  if (kind === 'conflict') return 'Another program reads the updates of this bot';
  return kind === 'unsent' || kind === 'unknown' ? 'Telegram cannot be reached' : 'Telegram refuses';
}

async function unanswered(ctx: Telegram, bot: Bot, error: unknown, conflict_ms: number): Promise<void> {
  const failure = failureOf(error);
  ctx.doing(
    failure.kind === 'conflict'
      ? 'waiting: another program reads the updates of this bot'
      : 'waiting for Telegram',
  );
  ctx.problem(`${troubleOf(failure)}: ${failure.what}`);
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
