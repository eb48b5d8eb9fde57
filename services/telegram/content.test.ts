import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentOf, LARGEST_bytes } from './content.ts';

const BOT = 7;
const of = (message: object, transcribes = false) =>
  contentOf({ message_id: 5, ...message }, BOT, transcribes);
const file = { file_id: 'f', file_unique_id: 'u' };
const notes = (message: object) =>
  of(message).parts.flatMap((part) => (part.kind === 'note' ? [part.text] : []));

test('a caption is as good as a text', () => {
  assert.equal(of({ caption: 'look' }).text, 'look');
  assert.equal(of({ text: ' \n ' }).text, null);
  assert.equal(of({ text: 'a\ud800b' }).text, 'a\ufffdb');
});

test('of a photo the largest size is fetched', () => {
  const size = (id: string, side: number) => ({
    ...file,
    file_id: id,
    width: side,
    height: side,
    file_size: side,
  });
  const { files } = of({ photo: [size('s', 90), size('l', 1280), size('m', 320)] });
  assert.deepEqual(files, [
    { kind: 'photo', file_id: 'l', name: 'photo.jpg', mime: 'image/jpeg', bytes: 1280, note: null },
  ]);
});

test('each kind of file is what it is, under the name that its sender gave, made plain', () => {
  const kinds = (message: object) => of(message, true).files.map(({ kind, name }) => `${kind} ${name}`);
  assert.deepEqual(kinds({ document: { ...file, file_name: 'a\n\u0000b.pdf' } }), ['document a b.pdf']);
  assert.deepEqual(kinds({ voice: file }), ['voice voice.ogg']);
  assert.deepEqual(kinds({ audio: { ...file, file_name: 'song.flac' } }), ['audio song.flac']);
  assert.deepEqual(kinds({ video: file }), ['video video.mp4']);
  assert.deepEqual(kinds({ video_note: file }), ['voice video.mp4']);
  assert.deepEqual(kinds({ animation: file, document: { ...file, file_name: 'cat.mp4' } }), [
    'document cat.mp4',
  ]);
  const sticker = { ...file, emoji: '😀', is_animated: false, is_video: false };
  assert.deepEqual(kinds({ sticker }), ['sticker sticker.webp']);
  assert.deepEqual(kinds({ sticker: { ...sticker, is_video: true } }), []);
});

test('a file that is too large for a bot is lost with a word, at the very byte', () => {
  const noteOf = (file_size: number) => of({ document: { ...file, file_size } }).files[0]?.note;
  assert.equal(noteOf(LARGEST_bytes), null);
  assert.match(noteOf(LARGEST_bytes + 1) ?? '', /cannot fetch file: it has 20\.0 MB.*Your message is kept/);
});

test('a recording needs somebody who listens, a film is worth having without', () => {
  assert.match(of({ voice: file }).files[0]?.note ?? '', /set transcribe/);
  assert.match(of({ video_note: file }).files[0]?.note ?? '', /set transcribe/);
  assert.equal(of({ voice: file }, true).files[0]?.note, null);
  assert.equal(of({ video: file }).files[0]?.note, null);
});

test('a reply carries what it replies to, the chosen words first, and whether the agent said them', () => {
  const reply_to_message = { from: { id: BOT, first_name: 'Vigil' }, text: 'The whole answer.' };
  const whole = of({ text: 'why?', reply_to_message }).parts;
  assert.deepEqual(whole, [{ kind: 'quote', text: 'The whole answer.', from: 'Vigil', own: true }]);
  const [chosen] = of({ text: 'why?', reply_to_message, quote: { text: 'whole', position: 4 } }).parts;
  assert.equal(chosen?.kind === 'quote' && chosen.text, 'whole');
  const other = { from: { id: 9, first_name: 'Eve\n' }, caption: 'a picture' };
  assert.deepEqual(of({ text: 'x', reply_to_message: other }).parts, [
    { kind: 'quote', text: 'a picture', from: 'Eve', own: false },
  ]);
  assert.deepEqual(of({ text: 'x', reply_to_message: { ...other, forum_topic_created: {} } }).parts, []);
});

test('of what was forwarded the words are not the sender’s, whoever they are of', () => {
  const from = (forward_origin: object) => {
    const { forwarded, parts } = of({ text: 'x', forward_origin });
    assert.ok(forwarded);
    return parts[0]?.kind === 'forward' && parts[0].from;
  };
  assert.equal(from({ type: 'user', sender_user: { first_name: 'Eve', last_name: 'Doe' } }), 'Eve Doe');
  assert.equal(from({ type: 'hidden_user', sender_user_name: 'Mallory' }), 'Mallory');
  assert.equal(from({ type: 'channel', chat: { title: 'News' } }), 'News');
  assert.equal(from({ type: 'chat', sender_chat: { title: 'Team' } }), 'Team');
  assert.equal(from({ type: 'of next year' }), 'somebody');
  assert.equal(of({ text: 'x' }).forwarded, false);
});

test('what an inline bot has composed is no word of whoever sends it', () => {
  const { forwarded, parts } = of({ text: 'x', via_bot: { id: 9, is_bot: true, first_name: 'Quotes' } });
  assert.ok(forwarded);
  assert.deepEqual(parts, [{ kind: 'forward', from: 'Quotes' }]);
});

test('places, people, polls and dice are told in a line', () => {
  const location = { latitude: 52.5, longitude: 13.4 };
  assert.deepEqual(notes({ location }), ['[place: 52.5, 13.4]']);
  const venue = { location, title: 'Café', address: 'Main St 1' };
  assert.deepEqual(notes({ location, venue }), ['[place: Café, Main St 1 (52.5, 13.4)]']);
  assert.deepEqual(notes({ contact: { first_name: 'Ann', phone_number: '+49 1' } }), [
    '[contact: Ann, +49 1]',
  ]);
  const options = [{ text: 'yes' }, { text: 'no' }];
  assert.deepEqual(notes({ poll: { question: 'Well?', options } }), ['[poll: Well? (yes / no)]']);
  assert.deepEqual(notes({ dice: { emoji: '🎲', value: 4 } }), ['[dice: 🎲 4]']);
  assert.deepEqual(notes({ sticker: { ...file, emoji: '😀', is_animated: true, is_video: false } }), [
    '[sticker: 😀]',
  ]);
});

test('a link behind words is told to whoever sees the words alone', () => {
  const entities = [{ type: 'text_link', offset: 4, length: 4, url: 'https://a.example/' }];
  assert.deepEqual(notes({ text: 'see this', entities }), ['[link: this → https://a.example/]']);
});

test('a field of a shape that nobody knows costs that field alone', () => {
  const odd = of({ text: 'hello', photo: 'none', document: { id: 5 }, reply_to_message: 7, entities: [{}] });
  assert.deepEqual(odd, { text: 'hello', parts: [], files: [], forwarded: false, unread: null });
});

test('what cannot be read is named, and what nobody said is not', () => {
  assert.equal(of({ from: {}, chat: {}, date: 1, story: {} }).unread, 'story');
  assert.equal(of({ new_chat_members: [] }).unread, null);
  assert.equal(of({ pinned_message: {} }).unread, null);
  assert.equal(of({ text: 'x', story: {} }).unread, null);
});
