/** What to make of an update. Pure: whatever Telegram sends becomes a row, and the row says what it is. */

import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import type { Inbound } from '#shared/tables/inbound.ts';
import type { Received as Press } from '#shared/tables/press.ts';

/** The part of an update that is looked at. Everything else passes through into the stored payload. */
const Message = z.looseObject({
  message_id: z.int(),
  date: z.int(),
  chat: z.looseObject({ id: z.int(), type: z.string() }),
  from: z.optional(z.looseObject({ id: z.int() })),
  text: z.optional(z.string()),
});

const Query = z.looseObject({
  id: z.string(),
  from: z.looseObject({ id: z.int() }),
  data: z.string(),
  message: z.looseObject({
    message_id: z.int(),
    chat: z.looseObject({ id: z.int(), type: z.string() }),
    // Telegram leaves it out of a message that has become inaccessible.
    reply_markup: z.optional(
      z.looseObject({
        inline_keyboard: z.array(
          z.array(z.looseObject({ text: z.string(), callback_data: z.optional(z.string()) })),
        ),
      }),
    ),
  }),
});

export type Received = {
  row: Inbound;
  /** What its sender is told at once, and the key that keeps it from being told again. */
  notice: { key: string; text: string } | null;
  pressed?: Pressed;
};

/** A button was pressed: what core gets, unless a stranger did it, and what Telegram shows to whoever did it. */
export type Pressed = { query_id: string; press: Press | null; answer: string };

/** The update's number, or null for what is no update at all. */
export function updateIdOf(update: unknown): number | null {
  const id = (update as { update_id?: unknown } | null)?.update_id;
  return typeof id === 'number' && Number.isSafeInteger(id) ? id : null;
}

/** @param update as it came, of whatever shape */
export function receive(update: unknown, bot_id: number, owners: readonly number[], now: number): Received {
  const payload_json = JSON.stringify(update) ?? 'null';
  const id = updateIdOf(update);
  const kind = kindOf(update);
  const kinds = update as Record<string, unknown> | null;
  const message = Message.safeParse(kinds?.message);
  const row: Inbound = {
    source: `telegram:${bot_id}`,
    source_key: keyOf(id, message.data?.date ?? null, payload_json),
    channel: 'telegram',
    conversation: null,
    chat: null,
    sender: null,
    text: null,
    message_ref: null,
    payload_json,
    received_at: now,
    state: 'ignored',
    note: `an update of kind ${kind}`,
  };
  if (!message.success) {
    const query = Query.safeParse(kinds?.callback_query);
    return query.success ? receivePress(query.data, row, owners) : { row, notice: null };
  }

  const { chat, from, text, message_id } = message.data;
  const about = {
    ...row,
    chat: String(chat.id),
    sender: from ? String(from.id) : null,
    message_ref: String(message_id),
  };
  if (chat.type !== 'private')
    return { row: { ...about, state: 'refused', note: `a ${chat.type}` }, notice: null };
  if (!from || !owners.includes(from.id)) {
    return { row: { ...about, state: 'refused', note: 'a stranger' }, notice: introduction(from?.id, now) };
  }
  if (text === undefined || text.trim() === '') {
    return {
      row: { ...about, note: 'a message without text' },
      notice: { key: `untold:${bot_id}:${id}`, text: 'I can read text only, so far.' },
    };
  }
  return {
    row: {
      ...about,
      conversation: `telegram:${chat.id}`,
      text: text.toWellFormed(),
      state: 'pending',
      note: null,
    },
    notice: null,
  };
}

function receivePress(query: z.infer<typeof Query>, row: Inbound, owners: readonly number[]): Received {
  const { id: query_id, from, data, message } = query;
  const { chat, message_id, reply_markup } = message;
  const by = { chat: String(chat.id), sender: String(from.id), message_ref: String(message_id) };
  const note = chat.type !== 'private' ? `a ${chat.type}` : owners.includes(from.id) ? null : 'a stranger';
  if (note !== null) {
    return {
      row: { ...row, ...by, state: 'refused', note },
      notice: null,
      pressed: { query_id, press: null, answer: 'This is a private agent.' },
    };
  }
  const { source, received_at } = row;
  const conversation = `telegram:${chat.id}`;
  const button = reply_markup?.inline_keyboard.flat().find(({ callback_data }) => callback_data === data);
  return {
    row: { ...row, ...by, note: 'a press' },
    notice: null,
    pressed: {
      query_id,
      press: {
        source,
        source_key: query_id,
        channel: 'telegram',
        conversation,
        ...by,
        data: data.toWellFormed(),
        received_at,
      },
      answer: `Received: ${button?.text ?? 'your choice'}`,
    },
  };
}

/** A stranger is told once a day how the owner would let them in: it may be the owner, on the first evening. */
function introduction(id: number | undefined, now: number): Received['notice'] {
  if (id === undefined) return null;
  return {
    key: `stranger:${id}:${Math.floor(now / 86_400_000)}`,
    text: `This is a private agent. If it is yours: your Telegram id is ${id}. Put it into config.toml, [telegram] owners = [${id}], and start Vigil again.`,
  };
}

/**
 * An update's name. Numbers alone will not do: after a week of silence Telegram begins a new random sequence, which
 * may come upon an old number (Bot API: Update.update_id); the message's own date tells the two apart.
 */
function keyOf(id: number | null, date: number | null, payload_json: string): string {
  if (id === null) return `garbage:${createHash('sha256').update(payload_json).digest('hex')}`;
  return date === null ? `${id}` : `${id}:${date}`;
}

function kindOf(update: unknown): string {
  if (typeof update !== 'object' || update === null) return 'garbage';
  return Object.keys(update).find((key) => key !== 'update_id') ?? 'nothing';
}
