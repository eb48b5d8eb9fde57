/**
 * The answer that is being written, as one message that grows: sent once, then edited, at most once a second in each
 * chat, always with the latest; below it a button that stops it. While other messages wait for the chat it stands
 * still. When the turn ends, the answer takes its place (see deliver.ts); when there is none, the button goes.
 *
 * Telegram gives no key by which one could ask whether a message arrived. A preview whose sending was cut off is looked
 * for among the next numbers of its chat, and known by its text; when it is not found the turn shows none any more.
 */

import { createHash } from 'node:crypto';
import type { Api } from 'grammy/web';
import type { Context } from '#shared/runtime/context.ts';
import * as chat from '#shared/tables/chat.ts';
import * as draft from '#shared/tables/draft.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as preview from '#shared/tables/preview.ts';
import { previewOf } from './compose.ts';
import type { Lanes } from './lane.ts';
import { callingFor } from './record.ts';
import { edit, type Place, send, threadOf } from './send.ts';
import { failureOf } from './verdict.ts';

/** What is answered sooner is shown at once, and whole. */
const FIRST_ms = 1_000;
/** Between two edits in a chat (Bots FAQ: about a message a second; twenty a minute in a group). */
const PACE = { chat_ms: 1_000, group_ms: 3_000, most_ms: 16_000 };
/** How soon it is looked again whether a chat's queue is empty. */
const QUEUED_ms = 300;
/** A lost preview is looked for among so many numbers that are nobody's, so far after the last known message. */
const SEARCHED = 8;
const FURTHEST = 100;

type Telegram = Context<unknown>;

export type Stream = {
  look(): Promise<preview.Stale | null>;
  act(stale: preview.Stale): Promise<void>;
  due(): Promise<number | null>;
};

export function stream(ctx: Telegram, api: Api, inLane: Lanes): Stream {
  const busy = new Set<string>();
  /** When a chat may be written to next, and the time between, which grows when Telegram says it is too short. */
  const paces = new Map<string, { free_at: number; every_ms: number }>();

  function dueAt(stale: preview.Stale): number {
    const now = ctx.clock.now();
    const first = stale.state === null ? (stale.begun_at ?? stale.changed_at) + FIRST_ms : 0;
    // A pace far ahead was set before the clock went back.
    const free_at = paces.get(stale.chat)?.free_at ?? 0;
    return Math.max(
      first,
      free_at > now + PACE.most_ms ? 0 : free_at,
      stale.queued ? now + QUEUED_ms : 0,
      stale.paused_until_at ?? 0,
    );
  }

  async function waiting(): Promise<preview.Stale[]> {
    return (await ctx.store.read(preview.stale(ctx.clock.now()))).filter((stale) => !busy.has(stale.chat));
  }

  return {
    async look() {
      const now = ctx.clock.now();
      const next = (await waiting()).find((stale) => dueAt(stale) <= now);
      if (next) busy.add(next.chat);
      return next ?? null;
    },
    async act({ turn_id, chat: to }) {
      const pace = paces.get(to) ?? {
        free_at: 0,
        every_ms: to.startsWith('-') ? PACE.group_ms : PACE.chat_ms,
      };
      paces.set(to, pace);
      try {
        await inLane(to, () =>
          callingFor({ payload: `draft ${turn_id}`, turn_id }, () => show(ctx, api, turn_id)),
        );
      } catch (error) {
        const failure = failureOf(error);
        const now = ctx.clock.now();
        pace.every_ms = Math.min(pace.every_ms * 2, PACE.most_ms);
        if (failure.kind === 'flood') await ctx.persist([chat.pause(to, now, now + failure.retry_after_ms)]);
        ctx.log.info('preview.unshown', { turn: turn_id, why: failure.what });
      } finally {
        pace.free_at = ctx.clock.now() + pace.every_ms;
        busy.delete(to);
      }
    },
    async due() {
      const times = (await waiting()).map(dueAt);
      return times.length > 0 ? Math.min(...times) : null;
    },
  };
}

/** Brings the preview of a turn up to date. What is read here is read in the chat's lane: nothing overtakes it. */
async function show(ctx: Telegram, api: Api, turn_id: string): Promise<void> {
  const [written] = await ctx.store.read(draft.of(turn_id));
  if (!written?.chat) return;
  if ((await ctx.store.read(preview.queued(written.chat))).length > 0) return;
  const standing = await standingOf(ctx, api, turn_id);
  const isOver = written.open === 0;
  const part = await previewOf(written.text, isOver ? null : written.status);
  const buttons = isOver ? null : [[{ text: '⏹ Stop', data: `stop:${turn_id}` }]];
  const state = isOver ? 'ended' : 'shown';
  const draft_at = written.changed_at;
  if (standing === undefined) {
    if (isOver || !part) return;
    return begin(ctx, api, written, { ...part, buttons });
  }
  if (standing.message_id === null || ['replaced', 'lost'].includes(standing.state)) return;
  // An answer that was stopped before its first word leaves its status behind.
  const shown = part ?? { text: isOver ? 'Stopped.' : '…', entities: [] };
  const text_hash = hashOf(shown.text);
  const isSame = standing.text_hash === text_hash && standing.state === state;
  const there = isSame || (await edit(api, written.chat, standing.message_id, shown, buttons));
  const now = ctx.clock.now();
  await ctx.persist([
    there
      ? preview.shown(turn_id, { state, message_id: standing.message_id, text_hash, draft_at, now })
      : preview.leave(turn_id, 'lost', now),
  ]);
}

type Shown = Parameters<typeof edit>[3] & { buttons: Place['buttons'] };

async function begin(
  ctx: Telegram,
  api: Api,
  written: draft.Draft,
  { buttons, ...part }: Shown,
): Promise<void> {
  const { turn_id, conversation, message_ref, changed_at: draft_at } = written;
  const to = written.chat ?? '';
  const known = await knownIds(ctx, conversation);
  const after_id = Math.max(0, Number(message_ref ?? 0), ...known);
  const text_hash = hashOf(part.text);
  await ctx.persist([preview.begin({ turn_id, chat: to, after_id, text_hash, draft_at }, ctx.clock.now())]);
  const place = { chat: to, thread: threadOf(conversation), reply_to: refOf(message_ref), buttons };
  let message_id: number;
  try {
    message_id = await send(api, place, { is: 'text', ...part });
  } catch (error) {
    const { kind } = failureOf(error);
    // What may have arrived stays marked as on its way, to be looked for; what never will is not tried again.
    const never = kind === 'refused' || kind === 'barred' || kind === 'moved';
    if (never) await ctx.persist([preview.leave(turn_id, 'lost', ctx.clock.now())]);
    else if (kind !== 'unknown') await ctx.persist([preview.unsent(turn_id)]);
    throw error;
  }
  const now = ctx.clock.now();
  await ctx.persist([preview.shown(turn_id, { state: 'shown', message_id, text_hash, draft_at, now })]);
}

/** A message's number, where it has one. */
export const refOf = (message_ref: string | null): number | null =>
  message_ref !== null && /^\d+$/.test(message_ref) ? Number(message_ref) : null;

/** The turn's preview, once it is known whether there is one. To be called in the chat's lane. */
export async function standingOf(
  ctx: Telegram,
  api: Api,
  turn_id: string,
): Promise<preview.Preview | undefined> {
  const [found] = await ctx.store.read(preview.of(turn_id));
  if (found?.state !== 'sending') return found;
  const message_id = await search(ctx, api, found);
  ctx.log.warn('preview.doubted', { turn: turn_id, found: message_id !== null });
  await ctx.persist([preview.settled(turn_id, message_id, ctx.clock.now())]);
  return { ...found, message_id, state: message_id === null ? 'lost' : 'shown', uncertain: 1 };
}

/**
 * Takes the keyboard away from each message that it might be, which tells the text of those that had one. Telegram
 * numbers messages one after another (for a bot: over all its private chats), so that it cannot be far. Those that we
 * know to be others, ours or the chat's own, are left alone.
 */
async function search(ctx: Telegram, api: Api, lost: preview.Preview): Promise<number | null> {
  const [written] = await ctx.store.read(draft.of(lost.turn_id));
  const ids = Array.from({ length: FURTHEST }, (_, i) => lost.after_id + 1 + i);
  const known = new Set(written ? await knownIds(ctx, written.conversation) : []);
  const heard = written ? await ctx.store.read(inbound.among(written.conversation, ids.map(String))) : [];
  for (const { message_ref } of heard) known.add(Number(message_ref));
  for (const id of ids.filter((one) => !known.has(one)).slice(0, SEARCHED)) {
    try {
      const message = await api.editMessageReplyMarkup(lost.chat, id, {});
      if (message !== true && 'text' in message && hashOf(message.text ?? '') === lost.text_hash) return id;
    } catch (error) {
      if (failureOf(error).kind !== 'refused') throw error;
    }
  }
  return null;
}

async function knownIds(ctx: Telegram, conversation: string): Promise<number[]> {
  const rows = await ctx.store.read(outbound.newestRefs(conversation));
  return rows.flatMap(({ refs_json }): number[] => JSON.parse(refs_json));
}

/** Without blanks and invisible characters, of which Telegram drops some. */
function hashOf(text: string): string {
  return createHash('sha256')
    .update(text.replace(/[\s\p{C}]/gu, ''))
    .digest('base64url');
}
