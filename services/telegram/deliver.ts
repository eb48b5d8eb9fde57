/**
 * Messages out, part by part. The intent is on the disk before a part leaves, its outcome after; what died in between
 * is in doubt. A doubtful part is sent again, once Telegram has been heard from, and stays marked.
 */

import type { Api } from 'grammy/web';
import { backoff_ms } from '#shared/base/backoff.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as chat from '#shared/tables/chat.ts';
import * as outbound from '#shared/tables/outbound.ts';
import { revoked } from './poll.ts';
import { split } from './split.ts';
import { type Failure, failureOf } from './verdict.ts';

/** An outcome is waited for this long before it counts as unknown. */
export const SEND_s = 30;
/**
 * A message that was sent so often without anybody knowing whether it arrived is left to a person. Together with the
 * waits between, some ten minutes in all, this decides what an outage of sendMessage alone may cost. Measured with
 * `bench/torture.ts`: with a single replay 9 of 244 messages were given up, with three replays 3 of 380, and with
 * eleven, ever further apart, none of 1,055.
 */
const MOST_DOUBTS = 12;
const DOUBTED = { first_ms: 500, most_ms: 300_000 };
const RETRY = { first_ms: 500, most_ms: 30_000 };

type Telegram = Context<unknown>;

/** The next message that may go. */
export async function claim(ctx: Telegram): Promise<outbound.Outbound | undefined> {
  const now = ctx.clock.now();
  if ((await ctx.store.read(outbound.sendable(now))).length === 0) return undefined;
  const [[mine]] = await ctx.store.commit([outbound.claim(ctx.instance, now)]);
  return mine;
}

/** Sends the message's next part. */
export async function deliver(ctx: Telegram, api: Api, message: outbound.Outbound): Promise<void> {
  const parts = split(message.text);
  const part = parts[message.part];
  const last = message.part + 1 >= parts.length;
  const now = () => ctx.clock.now();
  if (message.chat === null || part === undefined) {
    await ctx.persist([
      outbound.bury(message, { now: now(), error: 'there is nothing, or nobody, to send to' }),
    ]);
    return;
  }
  try {
    // Sent again into a dead network, a doubtful part would only become more doubtful: first a sign of life.
    if (message.uncertain > 0) await api.getMe();
  } catch (error) {
    return postpone(ctx, message, failureOf(error));
  }
  let message_id: number;
  try {
    const keyboard = last && message.buttons_json ? { reply_markup: keyboardOf(message.buttons_json) } : {};
    const options = { link_preview_options: { is_disabled: true }, ...keyboard };
    ({ message_id } = await api.sendMessage(message.chat, part, options));
  } catch (error) {
    return unsent(ctx, message, failureOf(error), error);
  }
  // Outside of the try: a store that cannot be written is no doubt about what Telegram has taken.
  const refs: unknown[] = JSON.parse(message.refs_json);
  await ctx.persist([
    outbound.sent(message, { now: now(), refs_json: JSON.stringify([...refs, message_id]), last }),
  ]);
  ctx.log.info('message.sent', { outbound: message.id, part: message.part, uncertain: message.uncertain });
}

function keyboardOf(buttons_json: string) {
  const rows: outbound.Buttons = JSON.parse(buttons_json);
  return {
    inline_keyboard: rows.map((row) => row.map(({ text, data }) => ({ text, callback_data: data }))),
  };
}

async function unsent(
  ctx: Telegram,
  message: outbound.Outbound,
  failure: Failure,
  error: unknown,
): Promise<void> {
  const now = ctx.clock.now();
  switch (failure.kind) {
    case 'unknown': {
      ctx.log.warn('message.doubted', { outbound: message.id, error });
      if (message.uncertain + 1 >= MOST_DOUBTS) {
        const what = `nobody knows whether it arrived, after ${message.uncertain + 1} tries: ${failure.what}`;
        await ctx.persist([outbound.bury(message, { now, error: what })]);
      } else {
        const due_at = now + backoff_ms(message.uncertain, DOUBTED);
        await ctx.persist([outbound.doubt(message, { now, due_at, error: failure.what })]);
      }
      return;
    }
    case 'barred':
      ctx.log.warn('chat.muted', { chat: message.chat, why: failure.what });
      await ctx.persist([
        outbound.retry(message, { now, due_at: now, counted: false, error: failure.what }),
        ...(message.chat ? [chat.mute(message.chat, now, failure.what)] : []),
      ]);
      return;
    case 'moved':
      await ctx.persist([
        outbound.retry(message, { now, due_at: now, counted: false, error: failure.what }),
        ...(message.chat
          ? [outbound.move(message.chat, failure.to), chat.move(message.chat, failure.to)]
          : []),
      ]);
      return;
    case 'refused':
      ctx.log.error('message.buried', { outbound: message.id, error });
      await ctx.persist([outbound.bury(message, { now, error: failure.what })]);
      return;
    default:
      return postpone(ctx, message, failure);
  }
}

/** It certainly did not go: it keeps its place, and goes when it can. */
async function postpone(ctx: Telegram, message: outbound.Outbound, failure: Failure): Promise<void> {
  const now = ctx.clock.now();
  const flood = failure.kind === 'flood';
  const due_at = now + (flood ? failure.retry_after_ms : backoff_ms(message.failures, RETRY));
  ctx.log.warn('message.postponed', { outbound: message.id, wait_ms: due_at - now, why: failure.what });
  await ctx.persist([
    outbound.retry(message, { now, due_at, counted: !flood, error: failure.what }),
    // The whole chat is silent until then, over a restart too.
    ...(flood && message.chat ? [chat.pause(message.chat, now, due_at)] : []),
  ]);
  if (failure.kind === 'revoked') throw revoked(failure.what);
}
