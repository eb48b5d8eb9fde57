/**
 * Messages out, piece by piece. The intent is on the disk before a part leaves, its outcome after; what died in between
 * is in doubt. A doubtful piece is sent again, once Telegram has been heard from, and stays marked. The answer of a turn
 * takes the place of the preview that its chat sees; an edit that of the message that it names.
 */

import type { Api } from 'grammy/web';
import { backoff_ms } from '#shared/base/backoff.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as chat from '#shared/tables/chat.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as preview from '#shared/tables/preview.ts';
import { piecesOf } from './compose.ts';
import { gather, isQuiet } from './digest.ts';
import { type Lanes, openLanes } from './lane.ts';
import { revoked } from './poll.ts';
import { callingFor } from './record.ts';
import { edit, send, threadOf } from './send.ts';
import { refOf, standingOf } from './stream.ts';
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
  const quiet = isQuiet(ctx);
  if ((await ctx.store.read(outbound.sendable(now, quiet))).length === 0) return undefined;
  if (!quiet) await gather(ctx);
  const [[mine]] = await ctx.store.commit([outbound.claim(ctx.instance, now, quiet)]);
  return mine;
}

/** Sends the message's next piece, or puts it in the place of what stands there. */
export async function deliver(
  ctx: Telegram,
  api: Api,
  message: outbound.Outbound,
  inLane: Lanes = openLanes(),
): Promise<void> {
  const { id, turn_id, attempt } = message;
  const subject = { payload: `outbound ${id}`, turn_id, retries: attempt - 1 };
  await inLane(message.chat ?? '', () => callingFor(subject, () => deliverPiece(ctx, api, message)));
}

async function deliverPiece(ctx: Telegram, api: Api, message: outbound.Outbound): Promise<void> {
  const now = () => ctx.clock.now();
  if (outbound.tellingOf(message.key) !== null) {
    const [[told]] = await ctx.persist([outbound.toldOtherwise(message, now())]);
    if (told) return;
  }
  if (message.edits_key !== null) {
    const [[superseded]] = await ctx.persist([outbound.superseded(message, now())]);
    if (superseded) return;
  }
  const pieces = await piecesOf(message);
  const piece = pieces[message.part];
  const last = message.part + 1 >= pieces.length;
  if (message.chat === null || piece === undefined) {
    await ctx.persist([
      outbound.bury(message, { now: now(), error: 'there is nothing, or nobody, to send to' }),
    ]);
    return;
  }
  const buttons: outbound.Buttons | null =
    last && message.buttons_json ? JSON.parse(message.buttons_json) : null;
  let replaced: Replaced;
  let message_id: number | undefined;
  // An edit that is made twice is made once: only what is sent anew can be in doubt.
  let sending = false;
  try {
    replaced = await replacedBy(ctx, api, message);
    const standing = replaced.ids[message.part];
    if (standing !== undefined && piece.is === 'text') {
      if (await edit(api, message.chat, standing, piece, buttons)) message_id = standing;
      else await ctx.persist([outbound.anew(message)]);
    }
    if (message_id === undefined) {
      // Sent again into a dead network, a doubtful piece would only become more doubtful: first a sign of life.
      if (message.uncertain > 0) await api.getMe();
      sending = true;
      const place = {
        chat: message.chat,
        thread: threadOf(message.conversation),
        reply_to: message.part === 0 ? refOf(message.message_ref) : null,
        buttons,
      };
      message_id = await send(api, place, piece);
    }
    if (last) await removeRest(ctx, api, message.chat, replaced.ids.slice(pieces.length));
  } catch (error) {
    const failure = failureOf(error);
    if (failure.kind === 'unknown' && !sending) return postpone(ctx, message, failure);
    return unsent(ctx, message, failure, error);
  }
  // Outside of the try: a store that cannot be written is no doubt about what Telegram has taken.
  const refs: unknown[] = JSON.parse(message.refs_json);
  await ctx.persist([
    outbound.sent(message, { now: now(), refs_json: JSON.stringify([...refs, message_id]), last }),
    ...(replaced.preview === null ? [] : [preview.leave(replaced.preview, 'replaced', now())]),
  ]);
  ctx.log.info('message.sent', { outbound: message.id, part: message.part, uncertain: message.uncertain });
}

/** The messages that it takes the place of, and the turn whose preview they are. */
type Replaced = { ids: number[]; preview: string | null };

async function replacedBy(ctx: Telegram, api: Api, message: outbound.Outbound): Promise<Replaced> {
  if (message.edits_key !== null) {
    const [found] = await ctx.store.read(outbound.refsOf(message.edits_key));
    return { ids: found ? JSON.parse(found.refs_json) : [], preview: null };
  }
  const isAnswer = message.kind === 'reply' && message.file_json === null;
  if (!isAnswer || message.turn_id === null || message.part > 0) return { ids: [], preview: null };
  const standing = await standingOf(ctx, api, message.turn_id);
  if (standing?.state !== 'shown' && standing?.state !== 'ended') return { ids: [], preview: null };
  return { ids: standing.message_id === null ? [] : [standing.message_id], preview: message.turn_id };
}

/** An edit is shorter than what it takes the place of. One that stays is no loss. */
async function removeRest(ctx: Telegram, api: Api, to: string, ids: readonly number[]): Promise<void> {
  for (const id of ids) {
    await api.deleteMessage(to, id).catch((error) => ctx.log.info('message.unremoved', { error }));
  }
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
