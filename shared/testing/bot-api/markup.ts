/**
 * What a message carries besides its text: the message it replies to, and its inline keyboard.
 * Sources: telegram-bot-api Client.cpp (get_reply_parameters, get_reply_markup, get_inline_keyboard_button).
 */

import type { InlineKeyboardMarkup } from 'grammy/types';
import { checkLink } from './link.ts';
import { badRequest } from './refusal.ts';
import {
  type Args,
  flag,
  integer,
  intField,
  isObject,
  Malformed,
  optionalFlag,
  optionalTextField,
  parsed,
  parseJson,
  textField,
  words,
} from './request.ts';

/** What an inline button can do; one that does nothing is refused. */
const button_actions = words(`callback_game pay switch_inline_query switch_inline_query_chosen_chat
  switch_inline_query_current_chat login_url web_app copy_text`);

export type Reply = { message_id: number; chat_id?: number; allow_sending_without_reply: boolean };

export function readReply(args: Args): Reply | undefined {
  const text = args.get('reply_parameters');
  if (text === undefined) {
    const message_id = integer(args, 'reply_to_message_id');
    const allow_sending_without_reply = flag(args, 'allow_sending_without_reply');
    return message_id > 0 ? { message_id, allow_sending_without_reply } : undefined;
  }
  if (text === '') return undefined;
  const value = parseJson(text);
  if (value === undefined) throw badRequest("Can't parse reply parameters JSON object");
  if (!isObject(value)) throw badRequest('Object expected as reply parameters');
  if (Object.keys(value).length === 0) return undefined;
  return parsed('', () => {
    const chat_id = optionalTextField(value, 'chat_id');
    const message_id = intField(value, 'message_id');
    const allow_sending_without_reply = optionalFlag(value, 'allow_sending_without_reply');
    if (message_id <= 0) return undefined;
    return { message_id, allow_sending_without_reply, ...(chat_id && { chat_id: Number(chat_id) }) };
  });
}

/** The inline keyboard of a message; other keyboards change the user's input, not the message. */
export function readMarkup(args: Args): InlineKeyboardMarkup | undefined {
  const text = args.get('reply_markup') ?? '';
  if (text === '') return undefined;
  const value = parseJson(text);
  if (value === undefined) throw badRequest("Can't parse reply keyboard markup JSON object");
  if (!isObject(value)) throw badRequest('Object expected as reply markup');
  const rows = value.inline_keyboard;
  if (rows === undefined) return undefined;
  if (!Array.isArray(rows)) throw badRequest('Field "inline_keyboard" must be of type Array');
  if (!rows.every(Array.isArray)) {
    throw badRequest('Field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays');
  }
  parsed("Can't parse inline keyboard button: ", () => rows.flat().forEach(checkButton));
  return rows.length > 0 ? { inline_keyboard: rows } : undefined;
}

function checkButton(button: unknown): void {
  if (!isObject(button)) throw new Malformed('InlineKeyboardButton must be an Object');
  textField(button, 'text');
  if (optionalTextField(button, 'url') || optionalTextField(button, 'callback_data')) return;
  if (button_actions.some((action) => action in button)) return;
  throw new Malformed('Text buttons are unallowed in the inline keyboard');
}

/** What TDLib and Telegram's servers find wrong with buttons that are well formed. */
export function checkButtons(markup: InlineKeyboardMarkup | undefined): void {
  for (const button of markup?.inline_keyboard.flat() ?? []) {
    const link = 'url' in button ? checkLink(button.url) : undefined;
    if (link && 'wrong' in link) {
      throw badRequest(
        `Inline keyboard button URL '${'url' in button && button.url}' is invalid: ${link.wrong}`,
      );
    }
    const data = 'callback_data' in button ? button.callback_data : '';
    if (Buffer.byteLength(data) > 64) throw badRequest('BUTTON_DATA_INVALID');
  }
}
