import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MessageEntity } from 'grammy/types';
import { checkLink } from './link.ts';
import { chat_id, refused, testbed } from './testbed.ts';

describe('a text', () => {
  test('is refused in the words of the real server', async (t) => {
    const { api } = await testbed(t);
    const refuses = (reason: string, text: string, ...entities: unknown[]) =>
      refused(
        api.sendMessage(chat_id, text, { entities: entities as MessageEntity[] }),
        `Bad Request: ${reason}`,
      );
    const bold = (offset: number, length: number) => ({ type: 'bold', offset, length });
    await refuses('message text is empty', '');
    await refuses('text is too long', 'x'.repeat(32_769));
    await refuses('message is too long', 'x'.repeat(32_768));
    await refuses('text must be non-empty', ' \n\t ');
    await refuses('text must be non-empty', '\u200b\u00a0');
    await refuses('strings must be encoded in UTF-8', 'lone \ud83d');
    await refuses('receive an entity with incorrect offset -1', 'a', bold(-1, 1));
    await refuses('entity begins after the end of the text at UTF-16 offset 4', 'abc', bold(4, 1));
    const over = 'entity beginning at UTF-16 offset 1 ends after the end of the text at UTF-16 offset 4';
    await refuses(over, 'abc', bold(1, 3));
    await refuses('entity begins in a middle of a UTF-16 symbol at byte offset 6', 'é😀!', bold(2, 2));
    const cut = 'entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at byte offset 6';
    await refuses(cut, 'é😀!', bold(0, 2));
    const malformed = "can't parse MessageEntity: ";
    await refuses(`${malformed}Can't find field "length"`, 'a', { type: 'bold', offset: 0 });
    await refuses(`${malformed}Unsupported type specified`, 'a', { type: 'loud', offset: 0, length: 1 });
    await refuses(`${malformed}expected an Object`, 'a', 'bold');
  });

  test('is not parsed: a parse_mode is refused by name', async (t) => {
    const { api } = await testbed(t);
    await refused(
      api.sendMessage(chat_id, '*a*', { parse_mode: 'MarkdownV2' }),
      'Bad Request: this test server does not parse MarkdownV2: send entities',
    );
    const unknown = api.sendMessage(chat_id, 'a', { parse_mode: 'BBCode' as never });
    await refused(unknown, 'Bad Request: unsupported parse_mode');
    assert.ok(await api.sendMessage(chat_id, 'a', { parse_mode: 'None' as never }));
  });

  test('is checked before the chat, but where its entities lie after it', async (t) => {
    const { api } = await testbed(t);
    const entities = [{ type: 'bold', offset: 9, length: 1 }] satisfies MessageEntity[];
    await refused(api.sendMessage(404, ''), 'Bad Request: message text is empty');
    await refused(api.sendMessage(404, 'a', { entities }), 'Bad Request: chat not found');
  });

  test('may have 4096 code points after trimming, however many units they take', async (t) => {
    const { api } = await testbed(t);
    const longest = '😀'.repeat(4_096);
    assert.equal((await api.sendMessage(chat_id, `  ${longest}\n`)).text, longest);
    await refused(api.sendMessage(chat_id, `${longest}a`), 'Bad Request: message is too long');
  });

  test('loses control characters and outer blanks, and its entities move along', async (t) => {
    const { api } = await testbed(t);
    const entities = [
      { type: 'italic', offset: 9, length: 4 },
      { type: 'bold', offset: 4, length: 3 },
      { type: 'url', offset: 0, length: 3 },
    ] satisfies MessageEntity[];
    const sent = await api.sendMessage(chat_id, '\r\n  b\to\r\nend \r\n', { entities });
    assert.equal(sent.text, 'b o\nend');
    assert.deepEqual(sent.entities, [
      { type: 'bold', offset: 0, length: 3 },
      { type: 'italic', offset: 4, length: 3 },
    ]);
  });

  test('keeps a hundred entities and drops the rest silently', async (t) => {
    const { api } = await testbed(t);
    const entities: MessageEntity[] = [];
    for (let offset = 0; offset < 101; offset++) entities.push({ type: 'bold', offset, length: 1 });
    entities.push({ type: 'code', offset: 101, length: 1 });
    const kept = (await api.sendMessage(chat_id, 'x'.repeat(102), { entities })).entities ?? [];
    assert.deepEqual([kept.length, kept.at(-1)?.type, kept.at(-2)?.offset], [100, 'code', 98]);
  });
});

describe('a link', () => {
  test('that Telegram does not take refuses the whole message', async (t) => {
    const { api } = await testbed(t);
    const send = (url: string) =>
      api.sendMessage(chat_id, 'a', { entities: [{ type: 'text_link', offset: 0, length: 1, url }] });
    await refused(
      send('http://localhost:3000/a'),
      "Bad Request: entity URL 'http://localhost:3000/a' is invalid: Wrong HTTP URL",
    );
    const [entity] = (await send('example.com')).entities ?? [];
    assert.ok(entity?.type === 'text_link' && entity.url === 'http://example.com/');
  });

  test('needs a host with a dot, or a scheme of Telegram’s own', () => {
    const wrong = (link: string, why: string) => assert.deepEqual(checkLink(link), { wrong: why }, link);
    wrong('http://localhost:3000/a', 'Wrong HTTP URL');
    wrong('docs/readme.md', 'Wrong HTTP URL');
    wrong('note', 'Wrong HTTP URL');
    wrong('/etc/passwd', 'URL host is empty');
    wrong('./x', 'Host is invalid');
    wrong('tel:+123456', 'Wrong port number specified in the URL');
    wrong('javascript:alert(1)', 'Wrong port number specified in the URL');
    wrong('https://example.com:65536', 'Wrong port number specified in the URL');
    wrong('ftp://example.com', 'Unsupported URL protocol');
    wrong('https://exa mple.com', 'Wrong URL host');
    wrong('https://a.%zz', 'Wrong percent-encoded symbol in URL host');
    wrong('https://[::x]/', 'Wrong IPv6 address specified in the URL');
    wrong('tg://a.b', 'Unallowed characters in URL host');
    wrong('tg://user@a', 'Wrong tg URL');

    const right = (link: string, url: string) => assert.deepEqual(checkLink(link), { url }, link);
    right('https://Example.com', 'https://example.com/');
    right('example.com/a b?q#f', 'http://example.com/a%20b?q#f');
    right('https://example.com?q=1', 'https://example.com/?q=1');
    right('https://me:secret@example.com:65535/', 'https://me:secret@example.com:65535/');
    right('http://127.0.0.1:8080/x', 'http://127.0.0.1:8080/x');
    right('https://[::1]/', 'https://[::1]/');
    right('https://пример.рф', 'https://пример.рф/');
    right('tg://resolve?domain=x', 'tg://resolve?domain=x');
    right('mailto:a@b.c', 'http://mailto:a@b.c/');
  });
});
