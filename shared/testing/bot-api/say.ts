/**
 * What a user writes to the bot, or presses, as Telegram would tell it: the message with its sender, its chat and the entities
 * that Telegram finds by itself.
 */

import { randomInt } from 'node:crypto';
import type { CallbackQuery, Chat, Message, MessageEntity, Update, User } from 'grammy/types';
import { nextMessageId, type World } from './world.ts';

type UserChat = Exclude<Chat, Chat.ChannelChat>;

/** A message from a user. The chat is private unless its id is negative; a group's message needs `from.id`. */
export type Say = {
  chat_id: number;
  text?: string;
  from?: Partial<User>;
  chat?: Partial<UserChat>;
  /** The message of the chat that this one replies to. */
  reply_to?: number;
  /** Further fields of the message, such as `message_thread_id`, `photo`, `date`. */
  more?: Partial<Omit<Message, 'message_id' | 'from' | 'chat'>>;
};

export function userMessage(world: World, say: Say, now_s: number) {
  const { chat_id, text } = say;
  const from = userOf(chat_id, say.from);
  const reply_to_message = say.reply_to === undefined ? undefined : repliedTo(world, chat_id, say.reply_to);
  const entities = text === undefined ? [] : foundEntities(text);
  return {
    message_id: nextMessageId(world, chat_id),
    from,
    chat: { ...chatOf(chat_id, from), ...say.chat, id: chat_id } as UserChat,
    date: now_s,
    ...(reply_to_message && { reply_to_message }),
    ...(text !== undefined && { text }),
    ...(entities.length > 0 && { entities }),
    ...say.more,
  } satisfies Message & Update.NonChannel;
}

/** A user changes a text or a caption that they wrote before. */
export type Edit = { chat_id: number; message_id: number; text?: string; caption?: string };

export function userEdit(world: World, { chat_id, message_id, ...content }: Edit, now_s: number): Message {
  const message = world.rooms.get(chat_id)?.messages.get(message_id);
  if (!message) throw new Error(`chat ${chat_id} has no message ${message_id} to edit`);
  return { ...message, ...content, edit_date: now_s } as Message;
}

/** The bot's own standing in a chat changes: blocked or kicked, or let in again (Bot API: ChatMemberUpdated). */
export function membership(world: World, me: User, chat_id: number, is_in: boolean, now_s: number) {
  const from = [...world.users.values()].find(({ id }) => id === chat_id) ?? { ...userOf(1, {}) };
  const standing = (status: 'member' | 'kicked') => ({ status, user: me, until_date: 0 });
  return {
    chat: world.rooms.get(chat_id)?.chat ?? chatOf(chat_id, from),
    from,
    date: now_s,
    old_chat_member: standing(is_in ? 'kicked' : 'member'),
    new_chat_member: standing(is_in ? 'member' : 'kicked'),
  };
}

/** A press of the button with `data`, below a message of the chat; by the chat's user, or by `from`. */
export type Press = { chat_id: number; message_id: number; data: string; from?: Partial<User> };

export function userPress(world: World, press: Press): CallbackQuery {
  const { chat_id, message_id, data } = press;
  const message = world.rooms.get(chat_id)?.messages.get(message_id);
  const buttons = message?.reply_markup?.inline_keyboard.flat() ?? [];
  if (!message || !buttons.some((button) => 'callback_data' in button && button.callback_data === data)) {
    throw new Error(`message ${message_id} of chat ${chat_id} bears no button with the data '${data}'`);
  }
  return {
    id: String(randomInt(1e14)),
    from: userOf(chat_id, press.from),
    message,
    chat_instance: String(chat_id),
    data,
  };
}

function userOf(chat_id: number, from: Partial<User> | undefined): User {
  const id = from?.id ?? (chat_id > 0 ? chat_id : undefined);
  if (id === undefined) throw new Error(`whoever acts in the group ${chat_id} has an id: say from.id`);
  return { is_bot: false, first_name: 'User', language_code: 'en', ...from, id };
}

/** A quoted message quotes no further one (Bot API: Message). */
export function quoted(message: Message): NonNullable<Message['reply_to_message']> {
  const { reply_to_message: _, ...rest } = message;
  return rest as NonNullable<Message['reply_to_message']>;
}

function repliedTo(world: World, chat_id: number, message_id: number) {
  const message = world.rooms.get(chat_id)?.messages.get(message_id);
  if (!message) throw new Error(`chat ${chat_id} has no message ${message_id} to reply to`);
  return quoted(message);
}

function chatOf(chat_id: number, from: User): UserChat {
  const username = from.username ? { username: from.username } : {};
  if (chat_id > 0) return { id: chat_id, type: 'private', first_name: from.first_name, ...username };
  // Bot API: the ids of supergroups begin with -100.
  return { id: chat_id, type: chat_id < -1_000_000_000_000 ? 'supergroup' : 'group', title: 'Group' };
}

/** The entities that matter to a bot: commands and mentions. */
function foundEntities(text: string): MessageEntity[] {
  return [...text.matchAll(/(?<![\w/])\/\w{1,64}(?:@\w{3,32})?|(?<!\w)@\w{3,32}\b/g)].map((match) => ({
    type: match[0].startsWith('/') ? 'bot_command' : 'mention',
    offset: match.index,
    length: match[0].length,
  }));
}
