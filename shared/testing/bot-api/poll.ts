/**
 * getUpdates: the queue of updates, who may take from it, and how long they wait.
 * Sources: telegram-bot-api Client.cpp (process_get_updates_query, do_get_updates, long_poll_wakeup,
 * fail_query_conflict, add_update and its callers), TDLib TQueue.cpp.
 */

import { randomInt } from 'node:crypto';
import { Refusal } from './refusal.ts';
import { type Args, integer, isObject, parseJson, words } from './request.ts';
import type { Journal, QueuedUpdate } from './world.ts';

const max_timeout_s = 50;
const max_answer_bytes = 1 << 22;
const max_update_bytes = 512 * 1024;
const max_queued = 100_000;
const conflict_pause_ms = 3_000;
const day_s = 86_400;

/** Kinds that a bot gets only when it asks for them (Bot API: getUpdates). */
const unasked_kinds = words('chat_member message_reaction message_reaction_count');
/** Kinds of Bot API 10.3, in the order of its Update object. */
const known_kinds =
  words(`message edited_message channel_post edited_channel_post business_connection business_message
  edited_business_message deleted_business_messages guest_message stopped_message_generation message_reaction
  message_reaction_count inline_query chosen_inline_result callback_query shipping_query pre_checkout_query
  purchased_paid_media poll poll_answer my_chat_member chat_member chat_join_request chat_boost removed_chat_boost
  managed_bot subscription`);
/** How long an update waits when its own date does not say. */
const lifetime_s: { [kind: string]: number } = {
  inline_query: 30,
  callback_query: 150,
  shipping_query: 150,
  pre_checkout_query: 150,
  chosen_inline_result: 600,
};

/** Tells a listener when the client has gone, so that nobody waits for it. */
export type OnGone = (listener: () => void) => void;

export type Polls = ReturnType<typeof createPolls>;

type Waiting = {
  offset: number;
  limit: number;
  answer: (json: string) => void;
  refuse: (refusal: Refusal) => void;
  timer: NodeJS.Timeout;
  woken: boolean;
};

/** `batch_ms`: how long a waiting poll collects updates before it is answered; the real server takes 1 to 2 ms. */
export function createPolls({ world, commit }: Journal, nowSeconds: () => number, batch_ms: number) {
  let waiting: Waiting | undefined;
  let previous = { offset: -1, started_ms: Number.NEGATIVE_INFINITY };
  let next_conflict_ms = 0;
  /** Ends the pause of each 409 that is held back. */
  const held_back = new Set<() => void>();

  /** Puts an update into the queue; its id, or null when the server drops it, as the real one would. */
  function push(update: { [kind: string]: unknown }): number | null {
    const [kind = '', payload] = Object.entries(update).find(([name]) => name !== 'update_id') ?? [];
    const { update_id: _, ...body } = update;
    const expires_s = expiry(kind, payload);
    const wanted =
      !known_kinds.includes(kind) || (world.allowed_updates?.includes(kind) ?? !unasked_kinds.includes(kind));
    const fits =
      world.queue.length < max_queued && Buffer.byteLength(JSON.stringify(body)) <= max_update_bytes;
    const accepted = wanted && fits && expires_s > nowSeconds();
    // TQueue.cpp: ids of a new queue start at random, then follow each other. After a week without any the queue is
    // new again, and the next id may be a lower one (Bot API: Update).
    const is_new = world.tail_id === 0 || nowSeconds() - world.last_created_s > 7 * day_s;
    const next_id = is_new ? randomInt(2_000_001, 1_000_000_000) : world.tail_id;
    const update_id = accepted ? next_id : null;
    commit({ type: 'created', update: body, update_id, created_s: nowSeconds(), expires_s });
    if (accepted) wake();
    return update_id;
  }

  /** A message is kept for a day from its own date, others from now, by kind (add_update and its callers). */
  function expiry(kind: string, payload: unknown): number {
    const fixed_s = lifetime_s[kind];
    if (fixed_s !== undefined) return nowSeconds() + fixed_s;
    const { edit_date, date } = isObject(payload) ? payload : {};
    const own_s = typeof edit_date === 'number' ? edit_date : date;
    return (typeof own_s === 'number' ? own_s : nowSeconds()) + day_s;
  }

  async function getUpdates(args: Args, onGone: OnGone): Promise<string> {
    if (world.webhook_url !== '') {
      throw await conflict(
        "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
      );
    }
    const offset = integer(args, 'offset');
    let limit = clamp(integer(args, 'limit', 100), 1, 100);
    let timeout_s = clamp(integer(args, 'timeout'), 0, max_timeout_s);
    rememberAllowed(args.get('allowed_updates') ?? '');
    // A poller that does not advance is slowed down (process_get_updates_query).
    const now_ms = performance.now();
    const repeated_after_ms =
      offset === previous.offset ? now_ms - previous.started_ms : Number.POSITIVE_INFINITY;
    if (repeated_after_ms < 3_000) timeout_s = Math.max(timeout_s, 3);
    if (repeated_after_ms < 500) limit = 1;
    previous = { offset, started_ms: now_ms };
    const updates = take(offset, limit);
    if (updates.length > 0 || timeout_s === 0) return serialise(updates);
    // Only a poll that has to wait ends the one that waits already: the older one loses (do_get_updates).
    const older = stopWaiting();
    if (older) {
      const terminated =
        'terminated by other getUpdates request; make sure that only one bot instance is running';
      conflict(terminated).then(older.refuse);
    }
    return await new Promise((answer, refuse) => {
      const poll = {
        offset: Math.max(offset, 0),
        limit,
        answer,
        refuse,
        woken: false,
        timer: setTimeout(finish, timeout_s * 1_000),
      };
      waiting = poll;
      onGone(() => {
        if (waiting === poll) stopWaiting()?.answer('[]'); // nobody hears it, but the call is over
      });
    });
  }

  /** Confirms what lies below the offset and reads what follows. Nothing else takes an update out but its expiry. */
  function take(offset: number, limit: number): QueuedUpdate[] {
    if (offset < 0) forget(world.queue.slice(0, offset)); // keeps the last |offset|
    const head_id = world.queue[0]?.update_id ?? world.tail_id;
    // TQueue.cpp: an offset that the queue cannot know is ignored, and nothing is confirmed by it.
    const known = offset > 0 && offset <= world.tail_id + 10 && offset >= head_id - max_queued;
    if (known && offset > head_id && world.queue.length > 0) {
      commit({ type: 'confirmed', below: offset, at_ms: performance.timeOrigin + performance.now() });
    }
    const now_s = nowSeconds();
    forget(world.queue.filter((update) => update.expires_s < now_s));
    return world.queue.slice(0, limit);
  }

  function forget(updates: readonly QueuedUpdate[]): void {
    const update_ids = updates.map(({ update_id }) => update_id);
    if (update_ids.length > 0) commit({ type: 'forgotten', update_ids });
  }

  /** Absent, empty or no array of strings: as before. Empty array or only unknown kinds: the default. */
  function rememberAllowed(text: string): void {
    const list = parseJson(text);
    if (!Array.isArray(list) || !list.every((kind) => typeof kind === 'string')) return;
    const named = list.map((kind) => kind.toLowerCase()).filter((kind) => known_kinds.includes(kind));
    const updates = named.length > 0 ? named : null;
    const is_new = JSON.stringify(updates) !== JSON.stringify(world.allowed_updates);
    if (is_new) commit({ type: 'allowed', updates });
  }

  function wake(): void {
    if (!waiting || waiting.woken) return;
    waiting.woken = true;
    clearTimeout(waiting.timer);
    if (batch_ms === 0) finish();
    else waiting.timer = setTimeout(finish, batch_ms);
  }

  function finish(): void {
    const poll = stopWaiting();
    poll?.answer(serialise(take(poll.offset, poll.limit)));
  }

  function stopWaiting(): Waiting | undefined {
    const poll = waiting;
    if (poll) clearTimeout(poll.timer);
    waiting = undefined;
    return poll;
  }

  /** The first 409 is told at once, others within 3 s of it only after 3 s (fail_query_conflict). */
  async function conflict(reason: string): Promise<Refusal> {
    const now_ms = performance.now();
    if (now_ms >= next_conflict_ms) next_conflict_ms = now_ms + conflict_pause_ms;
    else await pause();
    return new Refusal(409, `Conflict: ${reason}`);
  }

  function pause(): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        held_back.delete(end);
        resolve();
      };
      const timer = setTimeout(end, conflict_pause_ms);
      held_back.add(end);
    });
  }

  return {
    push,
    getUpdates,
    forgetAll: () => forget(world.queue),
    /** Tells a waiting poll no: the webhook was set, the token was revoked, the server stops. */
    abort: (refusal: Refusal) => stopWaiting()?.refuse(refusal),
    abortForWebhook: () => {
      const poll = stopWaiting();
      if (poll) conflict('terminated by setWebhook request').then(poll.refuse);
    },
    close: () => {
      stopWaiting()?.refuse(new Refusal(500, 'Internal Server Error: restart'));
      for (const end of held_back) end();
    },
  };
}

function serialise(updates: readonly QueuedUpdate[]): string {
  const bodies: string[] = [];
  let left_bytes = max_answer_bytes;
  for (const { update_id, json } of updates) {
    left_bytes -= 50 + Buffer.byteLength(json);
    if (left_bytes <= 0) break;
    bodies.push(json === '{}' ? `{"update_id":${update_id}}` : `{"update_id":${update_id},${json.slice(1)}`);
  }
  return `[${bodies.join(',')}]`;
}

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
