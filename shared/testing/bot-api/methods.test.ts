import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chat_id, day_ms, refused, testbed } from './testbed.ts';

describe('a message', () => {
  test('reaches only chats that the bot has met', async (t) => {
    const { bot, api } = await testbed(t);
    await bot.say({ chat_id: -5, from: { id: 42 }, text: 'in a group' });
    assert.equal((await api.sendMessage(-5, 'hi')).chat.type, 'group');
    await refused(api.sendMessage('', 'hi'), 'Bad Request: chat_id is empty');
    await refused(api.sendMessage(404, 'hi'), 'Bad Request: chat not found');
    await refused(api.sendMessage('@nobody', 'hi'), 'Bad Request: chat not found');
    await refused(api.sendMessage(42, 'hi'), "Forbidden: bot can't initiate conversation with a user");
    await bot.block(chat_id);
    await bot.block(-5);
    await refused(api.sendMessage(chat_id, 'hi'), 'Forbidden: bot was blocked by the user');
    await refused(api.sendChatAction(chat_id, 'typing'), 'Forbidden: bot was blocked by the user');
    await refused(api.sendMessage(-5, 'hi'), 'Forbidden: bot was kicked from the group chat');
  });

  test('replies to a message that is there, or to none when that is allowed', async (t) => {
    const { bot, api } = await testbed(t);
    const reply = (message_id: number, allow_sending_without_reply = false) =>
      api.sendMessage(chat_id, 'yes', { reply_parameters: { message_id, allow_sending_without_reply } });
    assert.equal((await reply(1)).reply_to_message?.text, 'hello');
    await refused(reply(99), 'Bad Request: message to be replied not found');
    assert.equal((await reply(99, true)).reply_to_message, undefined);
    const threaded = { message_thread_id: 3 };
    await refused(api.sendMessage(chat_id, 'a', threaded), 'Bad Request: message thread not found');
    await bot.say({ chat_id, text: 'topic', more: threaded });
    assert.equal((await api.sendMessage(chat_id, 'a', threaded)).message_thread_id, 3);
  });

  test('is edited only when it is the bot’s own and changes', async (t) => {
    const { bot, api } = await testbed(t);
    const keyboard = { reply_markup: { inline_keyboard: [[{ text: 'ok', callback_data: 'x' }]] } };
    const { message_id } = await api.sendMessage(chat_id, 'one', keyboard);
    const unchanged =
      'Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message';
    await refused(api.editMessageText(chat_id, message_id, ' one', keyboard), unchanged);
    const edited = await api.editMessageText(chat_id, message_id, 'one');
    assert.ok(
      edited !== true && edited.edit_date && !edited.reply_markup,
      'an edit without a keyboard removes it',
    );
    await refused(api.editMessageReplyMarkup(chat_id, message_id), unchanged);
    await refused(api.editMessageText(chat_id, 1, 'x'), "Bad Request: message can't be edited");
    await refused(api.editMessageText(chat_id, 99, 'x'), 'Bad Request: message to edit not found');
    await refused(
      api.raw.editMessageText({ text: 'x' } as never),
      'Bad Request: message identifier is not specified',
    );
    await api.deleteMessage(chat_id, message_id);
    await refused(api.editMessageText(chat_id, message_id, 'x'), 'Bad Request: message to edit not found');
    assert.deepEqual(
      (await bot.sent()).map(({ method, text }) => [method, text]),
      [
        ['sendMessage', 'one'],
        ['editMessageText', 'one'],
      ],
    );
  });

  test('is deleted within 48 hours', async (t) => {
    const { bot, api } = await testbed(t);
    const first = await api.sendMessage(chat_id, 'one');
    const second = await api.sendMessage(chat_id, 'two');
    await bot.jump(2 * day_ms - 2_000);
    assert.equal(await api.deleteMessage(chat_id, first.message_id), true);
    await bot.jump(3_000);
    await refused(api.deleteMessage(chat_id, second.message_id), "Bad Request: message can't be deleted");
    await refused(api.deleteMessage(chat_id, 99), 'Bad Request: message to delete not found');
  });

  test('has buttons that do something, in 64 bytes', async (t) => {
    const { api } = await testbed(t);
    const button = (button: object) =>
      api.sendMessage(chat_id, 'a', {
        reply_markup: { inline_keyboard: [[{ text: 'b', ...button } as never]] },
      });
    assert.ok(await button({ callback_data: 'é'.repeat(32) }));
    await refused(button({ callback_data: `${'é'.repeat(32)}a` }), 'Bad Request: BUTTON_DATA_INVALID');
    await refused(
      button({}),
      "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
    );
    await refused(
      button({ url: 'http://localhost' }),
      "Bad Request: inline keyboard button URL 'http://localhost' is invalid: Wrong HTTP URL",
    );
    await refused(
      api.sendMessage(chat_id, 'a', { reply_markup: '[' as never }),
      "Bad Request: can't parse reply keyboard markup JSON object",
    );
  });
});

describe('other methods', () => {
  test('a callback query is answered once, within 150 s', async (t) => {
    const { bot, api } = await testbed(t);
    const too_old = 'Bad Request: query is too old and response timeout expired or query ID is invalid';
    for (const id of ['1', '2', '3']) await bot.push({ callback_query: { id, data: 'x' } });
    await refused(api.answerCallbackQuery('0'), too_old);
    await refused(api.answerCallbackQuery('1', { text: 'x'.repeat(201) }), 'Bad Request: MESSAGE_TOO_LONG');
    assert.equal(await api.answerCallbackQuery('1', { text: 'x'.repeat(200) }), true);
    await refused(api.answerCallbackQuery('1'), too_old);
    await bot.jump(148_000);
    assert.equal(await api.answerCallbackQuery('2'), true);
    await bot.jump(3_000);
    await refused(api.answerCallbackQuery('3'), too_old);
  });

  test('a button is pressed where it is, by whoever sees it', async (t) => {
    const { bot, api, next } = await testbed(t);
    const reply_markup = { inline_keyboard: [[{ text: 'ok', callback_data: 'x' }]] };
    const { message_id } = await api.sendMessage(chat_id, 'a', { reply_markup });
    const press = (data: string, message = message_id) => bot.press({ chat_id, message_id: message, data });
    await assert.rejects(press('y'), /bears no button with the data 'y'/);
    await assert.rejects(press('x', 1), /bears no button/);
    const { query_id } = await press('x');
    const [update] = await api.getUpdates({ offset: next });
    const { callback_query } = update ?? {};
    assert.deepEqual(
      [
        callback_query?.id,
        callback_query?.data,
        callback_query?.from.id,
        callback_query?.message?.message_id,
      ],
      [query_id, 'x', chat_id, message_id],
    );
    assert.equal(await api.answerCallbackQuery(query_id), true);
    await bot.press({ chat_id, message_id, data: 'x', from: { id: 9 } });
    const [byOther] = await api.getUpdates({ offset: next + 1 });
    assert.equal(byOther?.callback_query?.from.id, 9);
    await api.editMessageReplyMarkup(chat_id, message_id);
    await assert.rejects(press('x'), /bears no button/);
    await api.getUpdates({ offset: next + 2, allowed_updates: ['message'] });
    const again = await api.sendMessage(chat_id, 'b', { reply_markup });
    assert.equal((await press('x', again.message_id)).update_id, null, 'a bot gets what it asked for');
  });

  test('a reaction is one emoji of Telegram’s list', async (t) => {
    const { api } = await testbed(t);
    const react = (message_id: number, ...emoji: string[]) =>
      api.setMessageReaction(
        chat_id,
        message_id,
        emoji.map((one) => ({ type: 'emoji', emoji: one }) as never),
      );
    assert.equal(await react(1, '👀'), true);
    assert.equal(await react(1), true);
    await refused(react(1, '✅'), 'Bad Request: REACTION_INVALID');
    await refused(react(1, '👀', '👍'), 'Bad Request: REACTIONS_TOO_MANY');
    await refused(react(99, '👀'), 'Bad Request: message to react not found');
  });

  test('commands, chat actions and files are checked', async (t) => {
    const { api } = await testbed(t);
    const set = (command: string, description = 'what it does') =>
      api.setMyCommands([{ command, description }]);
    assert.equal(await set('a'.repeat(32), 'x'.repeat(256)), true);
    assert.equal((await api.getMyCommands()).length, 1);
    await refused(set('a'.repeat(33)), 'Bad Request: command length must not exceed 32');
    await refused(set('a', 'x'.repeat(257)), 'Bad Request: command description length must not exceed 256');
    await refused(set('/'), 'Bad Request: command must be non-empty');
    await refused(set('Start'), 'Bad Request: BOT_COMMAND_INVALID');
    await refused(api.setMyCommands({} as never), 'Bad Request: expected an Array of BotCommand');
    const hundred = Array.from({ length: 100 }, (_, i) => ({ command: `c${i}`, description: 'x' }));
    assert.equal(await api.setMyCommands(hundred), true);
    const more = [...hundred, { command: 'c', description: 'x' }];
    await refused(api.setMyCommands(more), 'Bad Request: BOT_COMMANDS_TOO_MUCH');
    assert.equal(await api.sendChatAction(chat_id, 'typing'), true);
    await refused(
      api.sendChatAction(chat_id, 'sleeping' as never),
      'Bad Request: wrong parameter action in request',
    );
    await refused(api.getFile('x'), 'Bad Request: wrong file_id or the file is temporarily unavailable');
  });
});
