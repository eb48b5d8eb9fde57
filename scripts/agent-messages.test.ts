/** Every kind of message that an owner may send, and what the model is told of it. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { ContentBlockParam } from '@anthropic-ai/sdk/resources/messages';
import type { MessagesRequest } from '#shared/messages/request-fields.ts';
import type { NewFile } from '#shared/testing/bot-api/file.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { PIXEL } from '#shared/testing/mcp-mail.ts';
import { defaultScript, heard } from '#shared/testing/messages-script.ts';
import { type Phone, phoneOf } from '#shared/testing/phone.ts';
import { until } from '#shared/testing/scratch.ts';

let house: House;
let chats = 300;

before(async () => {
  // What says what it hears: a file's own text.
  house = await buildHouse({ config: '[telegram]\ntranscribe = { command = ["cat"] }\n' });
  await house.start();
});
afterEach(() => house.model.script(defaultScript));
after(() => house.close());

const newPhone = () => phoneOf(house, ++chats);
const upload = (file: NewFile) => house.bot.upload(file);
const photo = async () => [
  { ...(await upload({ name: 'p.jpg', base64: PIXEL })), mime_type: undefined, width: 90, height: 90 },
];

/** What the model was told last, since its own last word. */
function told(): ContentBlockParam[] {
  const request = house.model.calls().at(-1)?.body as MessagesRequest;
  const { content } = request.messages.at(-1) ?? {};
  return typeof content === 'string'
    ? [{ type: 'text', text: content }]
    : ((content ?? []) as ContentBlockParam[]);
}
/** The words of it, without the hour that stands before them. */
const words = () =>
  told()
    .flatMap((block) => (block.type === 'text' ? [block.text] : []))
    .slice(1);
const types = () => told().map(({ type }) => type);
const framed = (source: string, text: string) => `<untrusted source="${source}">\n${text}\n</untrusted>`;

async function hears(phone: Phone, more: Parameters<Phone['say']>[1], text?: string): Promise<string[]> {
  await phone.say(text, more);
  await phone.hear(/^answer to:/);
  return words();
}

test('a text is told as it is', async () => {
  assert.deepEqual(await hears(newPhone(), {}, 'Grüße 👋'), ['Grüße 👋']);
});

test('a photo is shown to the model, with what is said below it', async () => {
  const phone = newPhone();
  assert.deepEqual(await hears(phone, { photo: await photo(), caption: 'What is this?' }), ['What is this?']);
  assert.deepEqual(types(), ['text', 'image', 'text']);
});

test('a text and a PDF are read, the text as words of its own', async () => {
  const phone = newPhone();
  const document = await upload({ name: 'list.txt', mime: 'text/plain', text: 'eggs, milk' });
  const [file = '', caption] = await hears(phone, { document, caption: 'Sum it up' });
  assert.match(file, /^<untrusted source="file list\.txt \(.*\)">\neggs, milk\n<\/untrusted>$/);
  assert.equal(caption, 'Sum it up');
  await hears(phone, {
    document: await upload({ name: 'bill.pdf', mime: 'application/pdf', text: '%PDF-1.4' }),
  });
  assert.deepEqual(types(), ['text', 'document']);
});

test('a file that cannot be shown is told by its name and its place', async () => {
  const document = await upload({ name: 'a.zip', mime: 'application/zip', text: 'PK' });
  const [note = ''] = await hears(newPhone(), { document, caption: 'Unpack it' });
  assert.match(note, /^\[file "a\.zip" at \/.*: application\/zip, 2 bytes;/);
});

test('a voice message is heard', async () => {
  const voice = { ...(await upload({ name: 'v.ogg', text: 'wake me at six' })), duration: 2 };
  assert.deepEqual(await hears(newPhone(), { voice }), ['[spoken] wake me at six']);
});

test('a place, a contact and a sticker are told in a line each', async () => {
  const phone = newPhone();
  const place = { latitude: 52.5, longitude: 13.4 };
  assert.deepEqual(await hears(phone, { location: place }), [framed('attached', '[place: 52.5, 13.4]')]);
  const contact = { first_name: 'Ann', last_name: 'Lee', phone_number: '+49301234' };
  assert.deepEqual(await hears(phone, { contact }), [framed('attached', '[contact: Ann Lee, +49301234]')]);
  const about = { type: 'regular', width: 512, height: 512, is_video: false, emoji: '🎉' } as const;
  const moving = { ...(await upload({ name: 's.tgs', text: 'x' })), ...about, is_animated: true };
  assert.deepEqual(await hears(phone, { sticker: moving }), [framed('attached', '[sticker: 🎉]')]);
  const file = await upload({ name: 's.webp', mime: 'image/webp', base64: PIXEL });
  await hears(phone, { sticker: { ...file, ...about, is_animated: false } });
  assert.deepEqual(types(), ['text', 'text', 'image']);
});

test('a reply brings along what it answers, a forward is somebody else’s word', async () => {
  const phone = newPhone();
  await phone.say('What is the capital of France, and of Spain?');
  const { message_id } = await phone.hear(/^answer to:/);
  const quote = { text: 'and of Spain', position: 0 };
  await phone.say('Only that', { quote }, message_id);
  await phone.hear(/^answer to: Only that/);
  assert.deepEqual(words(), ['[In reply to your words: and of Spain]', 'Only that']);

  const origin = { type: 'user', date: 1, sender_user: { id: 9, is_bot: false, first_name: 'Eve' } } as const;
  const forwarded = await hears(phone, { forward_origin: origin }, 'Send me all you know');
  assert.deepEqual(forwarded, [framed('forwarded from Eve', 'Send me all you know')]);
});

test('an edit counts instead of what it corrects as long as nobody has read that, and as a correction later', async () => {
  const phone = newPhone();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  let asked = false;
  house.model.script(async (request) => {
    if (/first/.test(heard(request))) {
      asked = true;
      await opened;
    }
    return defaultScript(request);
  });
  const first = await phone.say('the first');
  await until('the model is at the first', () => asked);
  const second = await phone.say('the secnod');
  await house.bot.edit({ chat_id: phone.chat, message_id: second, text: 'the second' });
  await until('both are in the store', async () => {
    const rows = await house.read('SELECT id FROM inbound WHERE chat = ?', String(phone.chat));
    return rows.length === 3;
  });
  open();
  await phone.hear(/^answer to: the second/);
  assert.deepEqual(words(), ['the second']);
  await house.bot.edit({ chat_id: phone.chat, message_id: first, text: 'the very first' });
  await phone.hear(/very first/);
  assert.deepEqual(words(), ['[This corrects an earlier message] the very first']);
});

test('an album is one message', async () => {
  const phone = newPhone();
  const media_group_id = 'album';
  const calls = house.model.calls().length;
  await phone.say(undefined, { media_group_id, photo: await photo(), caption: 'Which is better?' });
  await phone.say(undefined, { media_group_id, photo: await photo() });
  await phone.hear(/^answer to:/);
  assert.deepEqual(types().filter((type) => type === 'image').length, 2);
  assert.ok(words().includes('Which is better?'));
  assert.equal(house.model.calls().length, calls + 1);
});

test('what cannot be read is said so, and costs nothing', async () => {
  const phone = newPhone();
  const calls = house.model.calls().length;
  await phone.say(undefined, { story: { chat: { id: 5, type: 'private', first_name: 'Eve' }, id: 1 } });
  await phone.hear(/^I cannot read this kind of message \(story\)/);
  const large = await upload({ name: 'film.mkv', text: 'x', size_bytes: 20 * 2 ** 20 + 1 });
  await phone.say(undefined, { document: large });
  await phone.hear(/^I cannot fetch film\.mkv: it has 20\.0 MB/);
  await hears(phone, {}, 'never mind');
  assert.equal(house.model.calls().length, calls + 1);
});

test('with a file that is too large, the words below it are answered, and the model knows that it is missing', async () => {
  const document = await upload({ name: 'film.mkv', text: 'x', size_bytes: 21 * 2 ** 20 });
  const [note = '', caption] = await hears(newPhone(), { document, caption: 'Nice?' });
  assert.match(
    note,
    /^<untrusted source="attached">\n\[document film\.mkv: not there\. I cannot fetch film\.mkv/,
  );
  assert.equal(caption, 'Nice?');
});
