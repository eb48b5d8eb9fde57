/**
 * A piece of a message to Telegram, sent or put in the place of an earlier one. What Telegram refuses about its looks
 * goes without them: words come before format, and an answer before its topic.
 */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type Api, InputFile } from 'grammy/web';
import { codeOf } from '#shared/base/errors.ts';
import type { Buttons, File } from '#shared/tables/outbound.ts';
import type { Piece } from './compose.ts';
import type { Part } from './split.ts';
import { failureOf } from './verdict.ts';

/** What a bot may upload (Bot API: Sending files). */
const LARGEST = { photo_bytes: 10 * 2 ** 20, document_bytes: 50 * 2 ** 20 };

export type Place = {
  chat: string;
  thread: number | null;
  /** The message that it answers. */
  reply_to: number | null;
  buttons: Buttons | null;
};

/** The topic that a conversation is held in: `telegram:<chat>/<topic>`, perhaps with its sender behind it. */
export function threadOf(conversation: string): number | null {
  const topic = /^telegram:-?\d+\/(\d+)(?:\/|$)/.exec(conversation)?.[1];
  return topic === undefined ? null : Number(topic);
}

/** @returns the new message's id */
export async function send(api: Api, place: Place, piece: Piece): Promise<number> {
  if (piece.is === 'text') return sendText(api, place, piece);
  if (piece.is === 'document') {
    const content = Buffer.from(piece.content.toWellFormed());
    return sendFile(api, place, { ...piece, caption: NOTHING, source: () => content, kind: 'document' });
  }
  const { file, caption } = piece;
  const bytes = await sizeOf(file);
  if (bytes === null || bytes > LARGEST.document_bytes) {
    const why =
      bytes === null
        ? 'is no longer there'
        : `is too large for Telegram: ${Math.ceil(bytes / 2 ** 20)} MB, of 50 MB at most. It lies at ${file.path}`;
    const line = `The file ${file.name} ${why}`;
    return sendText(api, place, { text: caption.text ? `${caption.text}\n\n${line}` : line, entities: [] });
  }
  const kind = file.kind === 'photo' && bytes > LARGEST.photo_bytes ? 'document' : file.kind;
  return sendFile(api, place, { name: file.name, caption, source: () => createReadStream(file.path), kind });
}

const NOTHING: Part = { text: '', entities: [] };

/** @returns false when there is nothing to edit any more */
export async function edit(
  api: Api,
  chat: string,
  message_id: number,
  part: Part,
  buttons: Buttons | null,
): Promise<boolean> {
  try {
    await softly({ part, thread: null }, ({ part: { text, entities } }) =>
      api.editMessageText(chat, message_id, text, {
        ...LOOKS,
        entities: [...entities],
        ...keyboardOf(buttons),
      }),
    );
  } catch (error) {
    const { what } = failureOf(error);
    if (/^400 .*message is not modified/.test(what)) return true;
    if (GONE.test(what)) return false;
    throw error;
  }
  return true;
}

const GONE =
  /^400 .*(message to edit not found|message can't be edited|no text in the message|MESSAGE_ID_INVALID)/;
const LOOKS = { link_preview_options: { is_disabled: true } };

function sendText(api: Api, place: Place, part: Part): Promise<number> {
  return softly({ part, thread: place.thread }, async ({ part: { text, entities }, thread }) => {
    const options = { ...LOOKS, entities: [...entities], ...aroundOf(place, thread) };
    return (await api.sendMessage(place.chat, text, options)).message_id;
  });
}

type Upload = {
  name: string;
  caption: Part;
  kind: File['kind'];
  source(): Buffer | AsyncIterable<Uint8Array>;
};

async function sendFile(api: Api, place: Place, upload: Upload): Promise<number> {
  const { name, caption, source } = upload;
  const upload_as = (kind: File['kind']) =>
    softly({ part: caption, thread: place.thread }, async ({ part: { text, entities }, thread }) => {
      // In quotes, which grammY leaves out: a name may hold what would end it.
      const file = new InputFile(source(), `"${name.replace(/["\\\p{Cc}]/gu, '_')}"`);
      const words = text === '' ? {} : { caption: text, caption_entities: [...entities] };
      const options = { ...words, ...aroundOf(place, thread) };
      const sent =
        kind === 'photo'
          ? await api.sendPhoto(place.chat, file, options)
          : await api.sendDocument(place.chat, file, options);
      return sent.message_id;
    });
  try {
    return await upload_as(upload.kind);
  } catch (error) {
    // Too long, too narrow, or no picture at all: a document is whatever it is.
    if (upload.kind === 'photo' && /^400 .*(PHOTO|IMAGE)_/.test(failureOf(error).what))
      return upload_as('document');
    throw error;
  }
}

/** Tries again without what was refused, as long as it was only that. */
async function softly<T>(
  as: { part: Part; thread: number | null },
  attempt: (as: { part: Part; thread: number | null }) => Promise<T>,
): Promise<T> {
  try {
    return await attempt(as);
  } catch (error) {
    const { what } = failureOf(error);
    const { part, thread } = as;
    if (part.entities.length > 0 && /^400 .*(entit|parse)/i.test(what)) {
      return softly({ part: { ...part, entities: [] }, thread }, attempt);
    }
    if (thread !== null && /^400 .*thread not found/.test(what))
      return softly({ part, thread: null }, attempt);
    throw error;
  }
}

function aroundOf({ reply_to, buttons }: Place, thread: number | null) {
  return {
    ...(thread !== null && { message_thread_id: thread }),
    ...(reply_to !== null && {
      reply_parameters: { message_id: reply_to, allow_sending_without_reply: true },
    }),
    ...keyboardOf(buttons),
  };
}

function keyboardOf(buttons: Buttons | null) {
  if (!buttons) return {};
  const inline_keyboard = buttons.map((row) => row.map(({ text, data }) => ({ text, callback_data: data })));
  return { reply_markup: { inline_keyboard } };
}

/** Null: it is not there, or no file. */
async function sizeOf({ path }: File): Promise<number | null> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : null;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(codeOf(error))) return null;
    throw error;
  }
}
