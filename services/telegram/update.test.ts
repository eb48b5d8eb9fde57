import assert from 'node:assert/strict';
import { test } from 'node:test';
import { receive, updateIdOf } from './update.ts';

const OWNER = 4242;
const NOW = 1_790_000_000_000;
const DAY_ms = 86_400_000;

const from = { id: OWNER, is_bot: false, first_name: 'Owner' };
const message = {
  message_id: 5,
  date: 1_790_000_000,
  chat: { id: OWNER, type: 'private', first_name: 'Owner' },
  from,
  text: 'hello',
};
const received = (update: unknown, now = NOW) => receive(update, 7, [OWNER], now);
const said = (more: object) => received({ update_id: 10, message: { ...message, ...more } });

test('what the owner writes is work for core', () => {
  const { row, notice } = said({});
  assert.equal(notice, null);
  assert.deepEqual(row, {
    source: 'telegram:7',
    source_key: '10:1790000000',
    channel: 'telegram',
    conversation: 'telegram:4242',
    chat: '4242',
    sender: '4242',
    text: 'hello',
    message_ref: '5',
    payload_json: JSON.stringify({ update_id: 10, message }),
    received_at: NOW,
    state: 'pending',
    note: null,
  });
});

test('a stranger is refused, recorded, and told once a day how the owner would let them in', () => {
  const stranger = { message: { ...message, from: { ...from, id: 99 }, chat: { ...message.chat, id: 99 } } };
  const first = received({ update_id: 10, ...stranger });
  assert.equal(first.row.state, 'refused');
  assert.equal(first.row.note, 'a stranger');
  assert.equal(first.row.sender, '99');
  assert.equal(first.row.conversation, null, 'a stranger has no conversation');
  assert.equal(first.row.text, null, 'a stranger puts no words into one');
  assert.match(first.notice?.text ?? '', /owners = \[99\]/);

  const midnight = Math.ceil(NOW / DAY_ms) * DAY_ms;
  const keyAt = (now: number) => received({ update_id: 11, ...stranger }, now).notice?.key;
  assert.equal(keyAt(midnight - 1), first.notice?.key, 'the same day, the same key');
  assert.notEqual(keyAt(midnight), first.notice?.key);
});

test('an owner who is not listed is a stranger, and so is everybody while nobody is listed', () => {
  assert.equal(receive({ update_id: 1, message }, 7, [], NOW).row.state, 'refused');
  assert.equal(receive({ update_id: 1, message }, 7, [OWNER + 1], NOW).row.state, 'refused');
});

test('a group is refused without a word, whoever writes there', () => {
  for (const type of ['group', 'supergroup', 'channel']) {
    const { row, notice } = said({ chat: { id: -100, type, title: 'Group' } });
    assert.equal(row.state, 'refused');
    assert.equal(row.note, `a ${type}`);
    assert.equal(notice, null);
  }
});

test('a message in the name of nobody is refused without a word', () => {
  const { row, notice } = said({ from: undefined });
  assert.deepEqual([row.state, row.sender, notice], ['refused', null, null]);
});

test('a message without text is recorded, and its sender told that text is what is read', () => {
  for (const more of [{ text: undefined, photo: [{ file_id: 'x' }] }, { text: '' }, { text: ' \n ' }]) {
    const { row, notice } = said(more);
    assert.equal(row.state, 'ignored');
    assert.equal(row.note, 'a message without text');
    assert.match(notice?.text ?? '', /text only/);
    assert.equal(notice?.key, 'untold:7:10', 'told twice, it is said once');
  }
});

const keyboard = { inline_keyboard: [[{ text: 'Yes', callback_data: 'y:1' }], [{ text: 'No', url: 'x' }]] };
const query = { id: '77', from, message: { ...message, reply_markup: keyboard }, data: 'y:1' };
const pressed = (more: object) => received({ update_id: 10, callback_query: { ...query, ...more } });

test('what the owner presses is a choice for core, named as Telegram names it, and confirmed by its label', () => {
  const { row, notice, pressed: press } = pressed({});
  assert.deepEqual([row.state, row.note, notice], ['ignored', 'a press', null]);
  assert.deepEqual(press, {
    query_id: '77',
    press: {
      source: 'telegram:7',
      source_key: '77',
      conversation: 'telegram:4242',
      chat: '4242',
      sender: '4242',
      message_ref: '5',
      data: 'y:1',
      received_at: NOW,
    },
    answer: 'Received: Yes',
  });
  const bare = pressed({ message: { message_id: 5, date: 0, chat: message.chat } });
  assert.equal(bare.pressed?.answer, 'Received: your choice', 'a message too old for Telegram to show');
  assert.equal(bare.pressed?.press?.data, 'y:1');
});

test('a stranger who presses is refused, and so is whoever presses in a group', () => {
  const stranger = pressed({ from: { ...from, id: 99 } });
  assert.deepEqual(
    [stranger.row.state, stranger.row.note, stranger.row.sender],
    ['refused', 'a stranger', '99'],
  );
  const group = pressed({ message: { ...message, chat: { id: -1, type: 'group' } } });
  assert.deepEqual([group.row.state, group.row.note], ['refused', 'a group']);
  for (const { pressed: press, notice } of [stranger, group]) {
    assert.deepEqual([press?.press, notice], [null, null]);
    assert.match(press?.answer ?? '', /private/);
  }
});

test('updates of other kinds are recorded as what they are', () => {
  for (const kind of ['edited_message', 'callback_query', 'my_chat_member', 'a_kind_of_next_year']) {
    const { row, notice } = received({ update_id: 3, [kind]: message });
    assert.deepEqual([row.state, row.note, notice], ['ignored', `an update of kind ${kind}`, null]);
    assert.equal(row.source_key, '3');
  }
});

test('whatever shape an update has, it becomes a row, and is no work', () => {
  const odd = [
    null,
    undefined,
    0,
    'text',
    [],
    {},
    { message },
    { update_id: 'ten' },
    { update_id: 2 ** 60 },
    { update_id: 1.5 },
    { update_id: 1, message: null },
    { update_id: 1, message: 'hello' },
    { update_id: 1, message: { ...message, chat: undefined } },
    { update_id: 1, message: { ...message, chat: { id: '4242', type: 'private' } } },
    { update_id: 1, message: { ...message, date: 'today' } },
    { update_id: 1, message: { ...message, text: 5 } },
    { update_id: 1, message: { ...message, from: { id: 'me' } } },
  ];
  for (const update of odd) {
    const { row } = received(update);
    assert.doesNotThrow(() => JSON.parse(row.payload_json), JSON.stringify(update));
    assert.match(row.source_key, /^(\d+|garbage:[0-9a-f]{64}(:\d+)?)$/, JSON.stringify(update));
    const isMessage =
      typeof update === 'object' && update !== null && 'message' in update && !('update_id' in update);
    if (!isMessage) assert.equal(row.state, 'ignored', JSON.stringify(update));
  }
});

test('garbage is told apart by what it is, so that the same of it is stored once', () => {
  const key = (update: unknown) => received(update).row.source_key;
  assert.equal(key({ a: 1 }), key({ a: 1 }));
  assert.notEqual(key({ a: 1 }), key({ a: 2 }));
});

test('the same update told twice has one name, and an old number used again after a week has another', () => {
  assert.equal(said({}).row.source_key, said({}).row.source_key);
  assert.notEqual(said({}).row.source_key, said({ date: message.date + 7 * 86_400 }).row.source_key);
});

test('half a character in a text becomes one that can be stored, and the payload stays as it came', () => {
  const { row } = said({ text: 'a\ud800b' });
  assert.equal(row.text, 'a\ufffdb');
  assert.equal(JSON.parse(row.payload_json).message.text, 'a\ud800b');
  assert.ok(row.payload_json.isWellFormed());
});

test('an update is known by its number, when it has one', () => {
  assert.equal(updateIdOf({ update_id: 0 }), 0);
  assert.equal(updateIdOf({ update_id: Number.MAX_SAFE_INTEGER }), Number.MAX_SAFE_INTEGER);
  for (const update of [
    null,
    undefined,
    5,
    {},
    { update_id: '5' },
    { update_id: Number.NaN },
    { update_id: 2 ** 53 },
  ]) {
    assert.equal(updateIdOf(update), null);
  }
});
