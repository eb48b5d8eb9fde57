/**
 * The methods of the Bot API, each with the checks of the real server in their real order: arguments first, then
 * the chat, then the content, and last what Telegram itself refuses. A method that is not here is answered like one
 * that does not exist.
 * Sources: telegram-bot-api Client.cpp (process_…_query, check_chat, check_message), and the Bot API's own page for
 * what Telegram's servers decide.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Chat, InlineKeyboardMarkup, Message, UserFromGetMe } from 'grammy/types';
import { commandScope, readCommands } from './commands.ts';
import { mediaOf, readUpload } from './file.ts';
import type { Flood } from './flood.ts';
import { checkButtons, type Reply, readMarkup, readReply } from './markup.ts';
import type { OnGone, Polls } from './poll.ts';
import { type Answer, badRequest, forbidden, migrated, success, tooManyRequests } from './refusal.ts';
import { type Args, type Files, flag, integer, isObject, parseJson, words } from './request.ts';
import { quoted } from './say.ts';
import { fixCaption, fixText, readCaption, readText } from './text.ts';
import { type Journal, nextMessageId, type Sent } from './world.ts';

/** One call of a method. */
export type Call = { seq: number; at_ms: number; args: Args; files: Files; onGone: OnGone };

export type Bot = {
  me: UserFromGetMe;
  journal: Journal;
  polls: Polls;
  flood: Flood;
  getFile: (args: Args) => string;
  nowSeconds: () => number;
};

type Access = 'read' | 'edit' | 'write';

/** What a message says and bears, and an edit may change. */
type Content = Pick<
  Message,
  'text' | 'entities' | 'caption' | 'caption_entities' | 'photo' | 'document' | 'reply_markup'
>;

/** As it stands, without what is not there. */
function contentOf({ text, entities, caption, caption_entities, reply_markup }: Message): Content {
  return {
    ...(text !== undefined && { text }),
    ...(entities && { entities }),
    ...(caption !== undefined && { caption }),
    ...(caption_entities && { caption_entities }),
    ...(reply_markup && { reply_markup }),
  };
}

export type Method = (call: Call) => Answer | Promise<Answer>;

/** How long a message can be deleted (Bot API: deleteMessage). */
const deletable_s = 48 * 3_600;
const chat_actions =
  words(`cancel typing record_video upload_video record_audio record_voice upload_audio upload_voice
  upload_photo upload_document choose_sticker pick_up_location find_location record_video_note upload_video_note`);
/** The only emoji that a reaction may be (Bot API: ReactionTypeEmoji). */
const reactions =
  words(`👍 👎 ❤ 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓
  🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡`);

/** The methods of a bot, by their names as documented. */
export function createMethods({ me, journal, polls, flood, getFile, nowSeconds }: Bot): {
  [name: string]: Method;
} {
  const { world, commit } = journal;
  let next_webhook_ms = 0;

  function sendMessage(call: Call): Answer {
    const raw = readText(call.args);
    return send(call, 'sendMessage', () => {
      const { text, entities } = fixText(raw);
      return { text, ...(entities.length > 0 && { entities }) };
    });
  }

  function sendFile(call: Call, kind: 'photo' | 'document'): Answer {
    const file = readUpload(call.args, call.files, kind, world);
    const raw = readCaption(call.args);
    return send(call, kind === 'photo' ? 'sendPhoto' : 'sendDocument', () => {
      const caption = fixCaption(raw);
      if (!world.files.has(file.file_id)) commit({ type: 'file', file });
      return { ...mediaOf(kind, file), ...caption };
    });
  }

  /** @param fix what TDLib finds wrong with the content, once the chat is known */
  function send(call: Call, method: string, fix: () => Content): Answer {
    const reply = readReply(call.args);
    const reply_markup = readMarkup(call.args);
    const room = findRoom(call.args, 'write');
    const reply_to = reply && findReplied(room.chat, reply);
    const thread_id = integer(call.args, 'message_thread_id');
    if (thread_id > 0 && !room.threads.has(thread_id)) throw badRequest('Message thread not found');
    const content = fix();
    refuseFromTelegram(room.chat, reply_markup);
    const message = {
      message_id: nextMessageId(world, room.chat.id),
      ...(thread_id > 0 && { message_thread_id: thread_id, is_topic_message: true }),
      from: { id: me.id, is_bot: true, first_name: me.first_name, username: me.username },
      chat: room.chat,
      date: nowSeconds(),
      ...(reply_to && { reply_to_message: quoted(reply_to) }),
      ...content,
      ...(reply_markup && { reply_markup }),
    } as Message;
    return deliver(call, method, message);
  }

  function editMessageText(call: Call): Answer {
    const raw = readText(call.args);
    const reply_markup = readMarkup(call.args);
    const message = findOwn(call.args);
    if (message.text === undefined) throw badRequest('There is no text in the message to edit');
    const { text, entities } = fixText(raw);
    return edit(call, 'editMessageText', message, {
      text,
      ...(entities.length > 0 && { entities }),
      ...(reply_markup && { reply_markup }), // an edit without a keyboard takes the old one away
    });
  }

  function editMessageCaption(call: Call): Answer {
    const raw = readCaption(call.args);
    const reply_markup = readMarkup(call.args);
    const message = findOwn(call.args);
    if (message.text !== undefined) throw badRequest('There is no caption in the message to edit');
    return edit(call, 'editMessageCaption', message, {
      ...fixCaption(raw),
      ...(reply_markup && { reply_markup }),
    });
  }

  function editMessageReplyMarkup(call: Call): Answer {
    const reply_markup = readMarkup(call.args);
    const message = findOwn(call.args);
    const { reply_markup: _, ...content } = contentOf(message);
    return edit(call, 'editMessageReplyMarkup', message, {
      ...content,
      ...(reply_markup && { reply_markup }),
    });
  }

  function edit(call: Call, method: string, message: Message, content: Content): Answer {
    const {
      text: _,
      entities: __,
      caption: ___,
      caption_entities: ____,
      reply_markup: _____,
      ...rest
    } = message;
    refuseFromTelegram(message.chat, content.reply_markup);
    if (isDeepStrictEqual(contentOf(message), content)) {
      throw badRequest(
        'message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message',
      );
    }
    return deliver(call, method, { ...rest, ...content, edit_date: nowSeconds() } as Message);
  }

  function deliver(call: Call, method: string, message: Message): Answer {
    const sent: Sent = {
      seq: (world.sent.at(-1)?.seq ?? 0) + 1,
      at_ms: call.at_ms,
      call: call.seq,
      method,
      chat_id: message.chat.id,
      message_id: message.message_id,
      text: message.text ?? message.caption ?? '',
      message,
    };
    commit({ type: 'sent', sent });
    return success(JSON.stringify(message));
  }

  function deleteMessage({ args }: Call): Answer {
    if ((args.get('chat_id') ?? '') === '') throw badRequest('Chat identifier is not specified');
    if (integer(args, 'message_id') === 0) throw badRequest('Message identifier is not specified');
    const message = findMessage(args, 'write', 'Message to delete');
    const { chat, date, message_id } = message;
    const is_allowed = chat.type === 'private' || message.from?.id === me.id; // no admin rights in groups
    if (!is_allowed || date < nowSeconds() - deletable_s) throw badRequest("Message can't be deleted");
    commit({ type: 'deleted', chat_id: chat.id, message_id });
    return success('true');
  }

  function sendChatAction({ args }: Call): Answer {
    const action = (args.get('action') ?? '').toLowerCase();
    if (!chat_actions.includes(action)) throw badRequest('Wrong parameter action in request');
    const { chat } = findRoom(args, 'write');
    refuseBlocked(chat);
    return success('true');
  }

  /** Whether a reaction could be set; which one stands is kept nowhere, since a bot cannot ask for it. */
  function setMessageReaction({ args }: Call): Answer {
    const list = parseJson(args.get('reaction') ?? '[]');
    if (!Array.isArray(list)) throw badRequest("Can't parse reaction types JSON object");
    findMessage(args, 'read', 'Message to react');
    if (list.length > 1) throw badRequest('REACTIONS_TOO_MANY'); // Bot API: at most one from a bot
    for (const reaction of list) {
      const is_known =
        isObject(reaction) &&
        (reaction.type === 'custom_emoji' || reactions.includes(String(reaction.emoji)));
      if (!is_known) throw badRequest('REACTION_INVALID');
    }
    return success('true');
  }

  /** One answer, and none after 150 s (the lifetime of the update). */
  function answerCallbackQuery({ args }: Call): Answer {
    const callback_query_id = args.get('callback_query_id') ?? '';
    if ((args.get('text') ?? '').length > 200) throw badRequest('MESSAGE_TOO_LONG');
    if ((world.callbacks.get(callback_query_id) ?? 0) < nowSeconds()) {
      throw badRequest('query is too old and response timeout expired or query ID is invalid');
    }
    commit({ type: 'answered', callback_query_id });
    return success('true');
  }

  function setMyCommands({ args }: Call): Answer {
    commit({ type: 'commands', scope: commandScope(args), commands: readCommands(args) });
    return success('true');
  }

  async function getUpdates({ args, onGone }: Call): Promise<Answer> {
    return success(await polls.getUpdates(args, onGone));
  }

  /** The webhook is remembered, for it stops getUpdates; nothing is ever sent to it. */
  function setWebhook({ args }: Call, url = args.get('url') ?? ''): Answer {
    const now_ms = performance.now();
    if (url !== '' && now_ms < next_webhook_ms) throw tooManyRequests(1);
    if (url !== '') next_webhook_ms = now_ms + 1_000;
    const drops = flag(args, 'drop_pending_updates');
    if (url === world.webhook_url && !drops) {
      return success('true', url === '' ? 'Webhook is already deleted' : 'Webhook is already set');
    }
    if (url !== '' && !/^https:\/\//i.test(url)) {
      throw badRequest('bad webhook: An HTTPS URL must be provided for webhook');
    }
    if (drops) polls.forgetAll();
    if (url !== '') polls.abortForWebhook();
    const was_set = world.webhook_url !== '';
    commit({ type: 'webhook', url });
    if (url !== '') return success('true', 'Webhook was set');
    return success('true', was_set ? 'Webhook was deleted' : 'Webhook is already deleted');
  }

  /** Who may be written to: a chat that the bot has met and that has not thrown it out. */
  function findRoom(args: Args, access: Access) {
    const id = args.get('chat_id') ?? '';
    if (id === '') throw badRequest('chat_id is empty');
    const upgraded = world.migrated.get(integer(args, 'chat_id'));
    if (upgraded !== undefined) throw migrated(upgraded);
    const room = id.startsWith('@')
      ? [...world.rooms.values()].find(({ chat }) => `@${chat.username}`.toLowerCase() === id.toLowerCase())
      : world.rooms.get(integer(args, 'chat_id'));
    if (!room && world.users.has(Number(id)) && access === 'write') {
      throw forbidden("bot can't initiate conversation with a user");
    }
    if (!room) throw badRequest('Chat not found');
    if (access !== 'read' && room.chat.id < 0 && world.blocked.has(room.chat.id)) {
      throw forbidden(`bot was kicked from the ${room.chat.type} chat`);
    }
    return room;
  }

  function findMessage(args: Args, access: Access, what: string): Message {
    const message = findRoom(args, access).messages.get(integer(args, 'message_id'));
    if (!message) throw badRequest(`${what} not found`);
    return message;
  }

  /** A message of the bot's own. */
  function findOwn(args: Args): Message {
    if (!args.get('chat_id') && integer(args, 'message_id') === 0) {
      throw badRequest('Message identifier is not specified');
    }
    const message = findMessage(args, 'edit', 'Message to edit');
    if (message.from?.id !== me.id) throw badRequest("Message can't be edited");
    return message;
  }

  function findReplied(chat: Chat, reply: Reply): Message | undefined {
    const room = world.rooms.get(reply.chat_id ?? chat.id);
    if (!room) throw badRequest('Chat not found');
    const message = room.messages.get(reply.message_id);
    if (!message && !reply.allow_sending_without_reply) throw badRequest('Message to be replied not found');
    return message;
  }

  /** What only Telegram's own servers refuse, after TDLib has found everything in order. */
  function refuseFromTelegram(chat: Chat, reply_markup: InlineKeyboardMarkup | undefined): void {
    refuseBlocked(chat);
    checkButtons(reply_markup);
    flood.admit(chat.id);
  }

  function refuseBlocked(chat: Chat): void {
    if (world.blocked.has(chat.id)) throw forbidden('bot was blocked by the user');
  }

  return {
    sendMessage,
    sendPhoto: (call) => sendFile(call, 'photo'),
    sendDocument: (call) => sendFile(call, 'document'),
    editMessageText,
    editMessageCaption,
    editMessageReplyMarkup,
    deleteMessage,
    sendChatAction,
    setMessageReaction,
    answerCallbackQuery,
    setMyCommands,
    getMyCommands: ({ args }) => success(JSON.stringify(world.commands.get(commandScope(args)) ?? [])),
    getMe: () => success(JSON.stringify(me)),
    getUpdates,
    setWebhook,
    deleteWebhook: (call) => setWebhook(call, ''),
    getWebhookInfo: () =>
      success(
        JSON.stringify({
          url: world.webhook_url,
          has_custom_certificate: false,
          pending_update_count: world.queue.length,
          ...(world.allowed_updates && { allowed_updates: world.allowed_updates }),
        }),
      ),
    getFile: ({ args }) => success(getFile(args)),
  };
}
