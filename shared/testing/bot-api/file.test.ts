import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InputFile } from 'grammy';
import { chat_id, day_ms, refused, testbed, token } from './testbed.ts';

const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(20)]);

describe('a file that a user sends', () => {
  test('is fetched by a link that is good for an hour', async (t) => {
    const { bot, api, next } = await testbed(t);
    const document = await bot.upload({ name: 'notes.txt', mime: 'text/plain', text: 'hello' });
    await bot.say({ chat_id, more: { document, caption: 'read this' } });
    const [update] = await api.getUpdates({ offset: next });
    assert.deepEqual(update?.message?.document, document);
    const file = await api.getFile(document.file_id);
    assert.equal(file.file_size, 5);
    const url = `${bot.root}/file/bot${token}/${file.file_path}`;
    assert.equal(await (await fetch(url)).text(), 'hello');
    assert.equal((await fetch(url.replace(token, '123:abd'))).status, 401);
    assert.equal((await fetch(`${url}x`)).status, 404);
    await bot.jump(3_600_000 - 5_000);
    assert.equal((await fetch(url)).status, 200);
    await bot.jump(7_000);
    assert.equal((await fetch(url)).status, 404);
  });

  test('is fetched up to 20 MB and no further', async (t) => {
    const { bot, api } = await testbed(t);
    const largest = await bot.upload({ name: 'a', size_bytes: 20 * 2 ** 20 });
    assert.ok((await api.getFile(largest.file_id)).file_path);
    const larger = await bot.upload({ name: 'a', size_bytes: 20 * 2 ** 20 + 1 });
    await refused(api.getFile(larger.file_id), 'Bad Request: file is too big');
    await refused(api.getFile('x'), 'Bad Request: wrong file_id or the file is temporarily unavailable');
  });

  test('breaks off in the middle when the network does', async (t) => {
    const { bot, api } = await testbed(t);
    const document = await bot.upload({ name: 'a.txt', text: '0123456789' });
    const { file_path } = await api.getFile(document.file_id);
    await bot.fault({ kind: 'truncate', method: 'download', times: 1 });
    assert.equal(await (await fetch(`${bot.root}/file/bot${token}/${file_path}`)).text(), '01234');
  });
});

describe('a file that the bot sends', () => {
  test('bears a caption of 1,024 characters and a keyboard, and is sent again by its name', async (t) => {
    const { bot, api } = await testbed(t);
    const file = () => new InputFile(Buffer.from('# Report'), 'report.md');
    const sent = await api.sendDocument(chat_id, file(), { caption: ` ${'x'.repeat(1024)} ` });
    assert.equal(sent.document.file_name, 'report.md');
    assert.equal(sent.caption?.length, 1024);
    await refused(
      api.sendDocument(chat_id, file(), { caption: 'x'.repeat(1025) }),
      'Bad Request: message caption is too long',
    );
    const again = await api.sendDocument(chat_id, sent.document.file_id);
    assert.equal(again.document.file_unique_id, sent.document.file_unique_id);
    await refused(
      api.sendDocument(chat_id, 'nothing'),
      'Bad Request: wrong file identifier/HTTP URL specified',
    );
    await refused(
      api.raw.sendDocument({ chat_id } as never),
      'Bad Request: there is no document in the request',
    );
    await refused(
      api.sendDocument(chat_id, new InputFile(Buffer.alloc(0), 'a')),
      'Bad Request: file must be non-empty',
    );
    assert.deepEqual(
      (await bot.sent()).map(({ method, text }) => [method, text.length]),
      [
        ['sendDocument', 1024],
        ['sendDocument', 0],
      ],
    );
  });

  test('is a photo when it is an image, of 10 MB at most', async (t) => {
    const { api } = await testbed(t);
    const photo = (bytes: Buffer) => api.sendPhoto(chat_id, new InputFile(bytes, 'a.png'));
    assert.ok((await photo(png)).photo.length > 0);
    await refused(photo(Buffer.from('hello')), 'Bad Request: IMAGE_PROCESS_FAILED');
    const most = 10 * 2 ** 20;
    assert.ok((await photo(Buffer.concat([png, Buffer.alloc(most - png.length)]))).photo);
    await refused(
      photo(Buffer.concat([png, Buffer.alloc(most - png.length + 1)])),
      'Bad Request: file "a.png" is too big for a photo',
    );
  });

  test('has a caption that can be edited, and no text', async (t) => {
    const { api } = await testbed(t);
    const { message_id } = await api.sendDocument(chat_id, new InputFile(Buffer.from('x'), 'x.txt'));
    const edited = await api.editMessageCaption(chat_id, message_id, { caption: 'new' });
    assert.ok(edited !== true && edited.caption === 'new');
    await refused(
      api.editMessageText(chat_id, message_id, 'x'),
      'Bad Request: there is no text in the message to edit',
    );
    const text = await api.sendMessage(chat_id, 'x');
    await refused(
      api.editMessageCaption(chat_id, text.message_id, { caption: 'x' }),
      'Bad Request: there is no caption in the message to edit',
    );
  });
});

describe('a chat', () => {
  test('tells the bot when it is blocked and when it is let in again', async (t) => {
    const { bot, api, next } = await testbed(t);
    await bot.block(chat_id);
    await bot.unblock(chat_id);
    const updates = await api.getUpdates({ offset: next });
    assert.deepEqual(
      updates.map(({ my_chat_member: change }) => [change?.chat.id, change?.new_chat_member.status]),
      [
        [chat_id, 'kicked'],
        [chat_id, 'member'],
      ],
    );
    assert.ok(await api.sendMessage(chat_id, 'hello again'));
  });

  test('that has become a supergroup is another chat, and says which', async (t) => {
    const { bot, api, next } = await testbed(t);
    await bot.say({ chat_id: -5, from: { id: 42 }, text: 'hello' });
    await bot.migrate({ chat_id: -5, to: -1_000_000_000_005 });
    const [, from, to] = await api.getUpdates({ offset: next });
    assert.deepEqual(
      [from?.message?.migrate_to_chat_id, to?.message?.migrate_from_chat_id],
      [-1_000_000_000_005, -5],
    );
    const failure = await api.sendMessage(-5, 'x').catch((error) => error);
    assert.match(failure.description, /upgraded to a supergroup chat/);
    assert.deepEqual(failure.parameters, { migrate_to_chat_id: -1_000_000_000_005 });
    assert.ok(await api.sendMessage(-1_000_000_000_005, 'x'));
  });

  test('shows an edit of a user, for a day after it was made', async (t) => {
    const { bot, api, next } = await testbed(t);
    await bot.edit({ chat_id, message_id: 1, text: 'hello, I meant' });
    const [update] = await api.getUpdates({ offset: next });
    assert.equal(update?.edited_message?.text, 'hello, I meant');
    assert.ok(update?.edited_message?.edit_date);
    await bot.jump(day_ms + 2_000);
    assert.deepEqual(await api.getUpdates({ offset: next }), []);
  });
});
