import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessOf, type OpenGroup } from './access.ts';
import { type Facts, receive, updateIdOf } from './update.ts';

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
const facts: Facts = {
  owners: new Set([OWNER]),
  groups: [],
  bot: { id: 7, name: 'Vigil_bot' },
  transcribes: false,
  halt: null,
  now: NOW,
};
const received = (update: unknown, more: Partial<Facts> = {}) => receive(update, { ...facts, ...more });
const said = (more: object, known: Partial<Facts> = {}) =>
  received({ update_id: 10, message: { ...message, ...more } }, known);

test('what the owner writes is work for core', () => {
  const { row, notices, files } = said({});
  assert.deepEqual([notices, files], [[], []]);
  assert.deepEqual(row, {
    source: 'telegram:7',
    source_key: '10:1790000000',
    channel: 'telegram',
    conversation: 'telegram:4242',
    chat: '4242',
    sender: '4242',
    text: 'hello',
    parts: [],
    ready_at: 0,
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
  assert.match(first.notices[0]?.text ?? '', /owners = \[99\]/);

  const midnight = Math.ceil(NOW / DAY_ms) * DAY_ms;
  const keyAt = (now: number) => received({ update_id: 11, ...stranger }, { now }).notices[0]?.key;
  assert.equal(keyAt(midnight - 1), first.notices[0]?.key, 'the same day, the same key');
  assert.notEqual(keyAt(midnight), first.notices[0]?.key);
});

test('an owner who is not listed is a stranger, and so is everybody while nobody is listed', () => {
  assert.equal(received({ update_id: 1, message }, { owners: new Set() }).row.state, 'refused');
  assert.equal(received({ update_id: 1, message }, { owners: new Set([OWNER + 1]) }).row.state, 'refused');
});

test('a group is refused without a word, whoever writes there', () => {
  for (const type of ['group', 'supergroup', 'channel']) {
    const { row, notices } = said({ chat: { id: -100, type, title: 'Group' } });
    assert.equal(row.state, 'refused');
    assert.equal(row.note, `a ${type}`);
    assert.deepEqual(notices, []);
  }
});

test('a message in the name of nobody is refused without a word', () => {
  const { row, notices } = said({ from: undefined });
  assert.deepEqual([row.state, row.sender, notices], ['refused', null, []]);
});

test('what nobody can read is recorded, and its sender told so once a minute', () => {
  const story = said({ text: undefined, story: { id: 1 } });
  assert.deepEqual([story.row.state, story.row.conversation], ['ignored', null]);
  assert.match(story.notices[0]?.text ?? '', /cannot read .* \(story\)/);
  const minute = Math.ceil(NOW / 60_000) * 60_000;
  const keyAt = (now: number) => said({ text: undefined, game: {} }, { now }).notices[0]?.key;
  assert.equal(keyAt(minute), keyAt(minute + 59_999), 'within a minute, of whatever kind');
  assert.notEqual(keyAt(minute), keyAt(minute + 60_000));
  const pinned = said({ text: undefined, pinned_message: {} });
  assert.deepEqual([pinned.row.state, pinned.notices], ['ignored', []], 'what nobody said needs no answer');
});

const keyboard = { inline_keyboard: [[{ text: 'Yes', callback_data: 'y:1' }], [{ text: 'No', url: 'x' }]] };
const query = { id: '77', from, message: { ...message, reply_markup: keyboard }, data: 'y:1' };
const pressed = (more: object) => received({ update_id: 10, callback_query: { ...query, ...more } });

test('what the owner presses is a choice for core, named as Telegram names it, and confirmed by its label', () => {
  const { row, notices, pressed: press } = pressed({});
  assert.deepEqual([row.state, row.note, notices], ['ignored', 'a press', []]);
  const { chat, date } = message;
  assert.deepEqual(
    JSON.parse(row.payload_json).callback_query,
    { ...query, message: { message_id: 5, date, chat } },
    'what bears the button is not kept twice',
  );
  assert.deepEqual(press, {
    query_id: '77',
    press: {
      source: 'telegram:7',
      source_key: '77',
      channel: 'telegram',
      conversation: 'telegram:4242',
      chat: '4242',
      sender: '4242',
      message_ref: '5',
      data: 'y:1',
      received_at: NOW,
    },
    answer: 'Received: Yes',
    keyboard: null,
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
  for (const { pressed: press, notices } of [stranger, group]) {
    assert.deepEqual([press?.press, notices], [null, []]);
    assert.match(press?.answer ?? '', /private/);
  }
});

test('updates of other kinds are recorded as what they are', () => {
  for (const kind of ['callback_query', 'my_chat_member', 'a_kind_of_next_year']) {
    const { row, notices } = received({ update_id: 3, [kind]: message });
    assert.deepEqual([row.state, row.note, notices], ['ignored', `an update of kind ${kind}`, []]);
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

test('a command is done by the bridge or by core, whatever bot it names, unless that is another one', () => {
  const halt = said({ text: '/halt@vigil_BOT too loud' });
  assert.deepEqual([halt.row.state, halt.row.note, halt.row.text], ['ignored', 'a command', null]);
  assert.deepEqual(halt.errand, {
    do: 'halt',
    why: 'too loud',
    key: 'telegram:7:10:1790000000',
    sender: OWNER,
    name: 'Owner',
  });
  const model = said({ text: '/MODEL@Vigil_bot  quick ' });
  assert.deepEqual(model.press, {
    source: 'telegram:7',
    source_key: 'message:10:1790000000',
    channel: 'telegram',
    conversation: 'telegram:4242',
    chat: '4242',
    sender: '4242',
    data: '/model quick',
    message_ref: '5',
    received_at: NOW,
  });
  assert.equal(
    said({ text: '/model@other_bot quick' }).row.text,
    '/model@other_bot quick',
    'it is only text',
  );
  const unknown = said({ text: '/hlat' });
  assert.equal(unknown.row.state, 'ignored');
  assert.match(unknown.notices[0]?.text ?? '', /^There is no \/hlat\.(.|\n)*\n\/halt/);
});

test('a command that was forwarded, or that an edit makes, is none', () => {
  const origin = { type: 'user', sender_user: { id: 9, first_name: 'Eve' }, date: 1 };
  const forwarded = said({ text: '/halt', forward_origin: origin });
  assert.deepEqual([forwarded.errand, forwarded.row.state], [undefined, 'pending']);
  const edit = received({
    update_id: 10,
    edited_message: { ...message, text: '/halt', edit_date: 1_790_000_009 },
  });
  assert.deepEqual(
    [edit.errand, edit.row.state, edit.row.note],
    [undefined, 'ignored', 'an edit of a command'],
  );
});

test('what is corrected names the message that it corrects', () => {
  const edited = { ...message, text: 'hello, you', edit_date: 1_790_000_009 };
  const { row } = received({ update_id: 11, edited_message: edited });
  assert.deepEqual(
    [row.state, row.text, row.edits, row.message_ref, row.source_key],
    ['pending', 'hello, you', '5', '5', '11:1790000009'],
  );
  const live = received({ update_id: 12, edited_message: { ...edited, text: undefined, location: {} } });
  assert.equal(live.row.state, 'ignored', 'a place that moves is no correction');
});

test('of an album each message waits a second for the rest', () => {
  const photo = [{ file_id: 'p', width: 1, height: 1 }];
  assert.equal(said({ text: undefined, photo, media_group_id: 'm' }).row.ready_at, NOW + 1000);
  assert.equal(said({ text: undefined, photo }).row.ready_at, 0);
});

test('while all is halted a message is kept, and its sender told once a halt', () => {
  const told = (halt: string | null) => said({}, { halt });
  assert.equal(told('1').row.state, 'pending');
  assert.match(told('1').notices[0]?.text ?? '', /halted.*kept/);
  assert.equal(told('1').notices[0]?.key, told('1').notices[0]?.key);
  assert.notEqual(told('1').notices[0]?.key, told('2').notices[0]?.key);
  assert.deepEqual(told(null).notices, []);
});

test('a code that a stranger sends in private is tried, however they write it', () => {
  const stranger = (text: string, chat = { id: 99, type: 'private' }) =>
    said({ text, from: { ...from, id: 99 }, chat });
  const hashes = ['/start ABCD2345', 'abcd-2345', '/start@vigil_bot abcd 2345'].map((text) => {
    const { errand, row } = stranger(text);
    assert.deepEqual([row.state, row.text], ['refused', null]);
    return errand?.do === 'pair' && errand.hash;
  });
  assert.equal(new Set(hashes).size, 1);
  assert.equal(stranger('hello').errand, undefined);
  assert.equal(stranger('/halt').errand, undefined, 'a stranger commands nothing');
  assert.equal(stranger('ABCD234').errand, undefined);
  assert.equal(stranger('ABCD2345', { id: -5, type: 'group' }).errand, undefined);
  assert.equal(said({ text: '/start ABCD2345' }).errand?.do, 'start', 'an owner is in already');
});

const GROUP = { id: -100, type: 'supergroup', title: 'Group' };
const open = (more: Partial<OpenGroup> = {}): Partial<Facts> => ({
  groups: [
    {
      chat: -100,
      numbers: new Set([-100]),
      senders: new Set([OWNER, 5]),
      mention: 'reply or mention',
      ...more,
    },
  ],
});
const inGroup = (more: object, known = open()) => said({ chat: GROUP, ...more }, known);
const mention = { text: 'hi @vigil_bot', entities: [{ type: 'mention', offset: 3, length: 10 }] };

test('in a group only what is for the bot is read, from those who may, each in a conversation of their own', () => {
  assert.deepEqual([inGroup({}).row.state, inGroup({}).row.note], ['ignored', 'said to others']);
  const { row } = inGroup(mention);
  assert.deepEqual([row.state, row.conversation], ['pending', 'telegram:-100/u4242']);
  const other = inGroup({ ...mention, from: { ...from, id: 5 } });
  assert.equal(other.row.conversation, 'telegram:-100/u5');
  const topic = inGroup({ ...mention, is_topic_message: true, message_thread_id: 3 });
  assert.equal(topic.row.conversation, 'telegram:-100/3/u4242');
  const stranger = inGroup({ ...mention, from: { ...from, id: 6 } });
  assert.deepEqual([stranger.row.state, stranger.notices], ['refused', []]);
  const bot = inGroup({ ...mention, from: { ...from, is_bot: true } });
  assert.deepEqual([bot.row.state, bot.row.note], ['ignored', 'a bot']);
  const elsewhere = said({ chat: { ...GROUP, id: -101 }, ...mention }, open());
  assert.equal(elsewhere.row.state, 'refused');
});

test('each group says what it takes for a word to the bot', () => {
  const reply = { reply_to_message: { from: { id: 7, first_name: 'Vigil' }, text: 'x' } };
  const other = { text: 'hi @other', entities: [{ type: 'mention', offset: 3, length: 6 }] };
  const read = (more: object, mention: OpenGroup['mention']) =>
    inGroup(more, open({ mention })).row.state === 'pending';
  assert.deepEqual(
    [mention, reply, other, {}].map((more) => read(more, 'mention')),
    [true, false, false, false],
  );
  assert.deepEqual(
    [mention, reply, other, {}].map((more) => read(more, 'reply or mention')),
    [true, true, false, false],
  );
  assert.ok(read({}, 'always'));
});

test('in a group only owners command and press', () => {
  const command = { text: '/stop@vigil_bot', entities: [{ type: 'bot_command', offset: 0, length: 15 }] };
  assert.equal(inGroup(command).press?.conversation, 'telegram:-100/u4242');
  const other = inGroup({ ...command, from: { ...from, id: 5 } });
  assert.deepEqual([other.press, other.notices.length], [undefined, 1]);
  const press = (id: number) =>
    received(
      {
        update_id: 1,
        callback_query: { ...query, from: { ...from, id }, message: { ...message, chat: GROUP } },
      },
      open(),
    ).pressed?.press;
  assert.equal(press(OWNER)?.conversation, 'telegram:-100/u4242');
  assert.equal(press(5), null);
});

test('a group that has moved keeps its conversations', () => {
  const moved = inGroup({ migrate_to_chat_id: -200, text: undefined });
  assert.deepEqual(moved.standing, { moved_to: '-200' });
  const { row } = said(
    { chat: { ...GROUP, id: -200 }, ...mention },
    open({ numbers: new Set([-100, -200]) }),
  );
  assert.deepEqual([row.chat, row.conversation], ['-200', 'telegram:-100/u4242']);
});

test('a group is known by every number that it has had, however often it moved', () => {
  const group = { chat: -1, senders: 'members', mention: 'always' } as const;
  const moved = [
    { chat: '-1', moved_to: '-2' },
    { chat: '-2', moved_to: '-3' },
  ];
  const [open] = accessOf({ owners: [OWNER], groups: [group] }, [{ user_id: 5 }], moved).groups;
  assert.deepEqual([...(open?.numbers ?? [])], [-1, -2, -3]);
  assert.deepEqual([...(open?.senders ?? [])], [OWNER, 5]);
});

test('a button that works once goes, of a choice the chosen one is marked, and others stay', () => {
  const rows = [
    [
      { text: '✓ 👍', callback_data: 'good:t' },
      { text: '👎', callback_data: 'bad:t' },
    ],
  ];
  const after = (data: string) =>
    pressed({ data, message: { ...message, reply_markup: { inline_keyboard: rows } } }).pressed?.keyboard;
  assert.deepEqual(after('once:a1'), { inline_keyboard: [] });
  assert.equal(after('task-pause:1'), null);
  const labels = after('bad:t')
    ?.inline_keyboard.flat()
    .map(({ text }) => text);
  assert.deepEqual(labels, ['👍', '✓ 👎']);
});

test('a chat that shuts the bot out, or lets it in, says so', () => {
  const change = (status: string) =>
    received({
      update_id: 1,
      my_chat_member: { chat: { id: 9, type: 'private' }, new_chat_member: { status } },
    });
  assert.deepEqual(change('kicked').standing, { muted: 'the bot is kicked there' });
  assert.deepEqual(change('left').standing, { muted: 'the bot is left there' });
  assert.deepEqual(change('member').standing, { muted: null });
});
