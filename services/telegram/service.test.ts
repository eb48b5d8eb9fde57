/** The bridge and core together, as real processes between a Telegram and a model with the real rules. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Api } from 'grammy/web';
import { httpFetch } from '#shared/base/fetch.ts';
import { type ServiceName, services } from '#shared/manifest.ts';
import { ApiError } from '#shared/messages/error.ts';
import type { MessagesRequest } from '#shared/messages/request-fields.ts';
import { buildHouse, type House, OWNER, type Suite, TOKEN } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

let house: House;
let suite: Suite;
/** Each test talks in chats of its own. */
let chat = 100;

before(async () => {
  house = await buildHouse({ config: '[model]\nidle_s = 10\n' });
  suite = await house.start();
});

afterEach(async () => {
  await house.bot.clearFaults();
  await house.bot.limits({});
  house.model.clear();
  house.model.script([]);
});

after(() => house.close());

/** How many messages were written in each chat. */
const written = new Map<number, number>();

/** The owner writes, in any private chat. */
function say(chat_id: number, text: string) {
  written.set(chat_id, (written.get(chat_id) ?? 0) + 1);
  return house.bot.say({ chat_id, text, from: { id: OWNER } });
}

const textsIn = async (chat_id: number) => (await house.bot.sent({ chat_id })).map(({ text }) => text);
const answered = (chat_id: number, count: number) =>
  until(`${count} messages are in chat ${chat_id}`, async () => {
    const texts = await textsIn(chat_id);
    return texts.length >= count ? texts : null;
  });

type Outbound = { state: string; uncertain: number; error: string | null; part: number; kind: string };
const outboundIn = (chat_id: number) =>
  house.read<Outbound>('SELECT * FROM outbound WHERE chat = ? ORDER BY id', String(chat_id));

/** Everything that was written in the chat is stored and at its end, and so is everything that went out of it. */
const settled = (chat_id: number) =>
  until(`chat ${chat_id} is quiet`, async () => {
    const inbound = await house.read<{ state: string }>(
      'SELECT state FROM inbound WHERE chat = ?',
      String(chat_id),
    );
    const states = [...inbound, ...(await outboundIn(chat_id))].map(({ state }) => state);
    const open = states.some((state) => ['pending', 'taken', 'sending', 'uncertain'].includes(state));
    return inbound.length === written.get(chat_id) && !open;
  });

/** The calls of a chat, once the bill of each is written: the answer does not wait for it. */
const paidIn = (chat_id: number) =>
  until('the bills are written', async () => {
    const rows = await callsIn(chat_id);
    return rows.every(({ state }) => state !== 'open') && rows;
  });
const callsIn = async (chat_id: number) =>
  house.read<{ outcome: string; state: string }>(
    'SELECT c.* FROM call c JOIN turn t ON t.id = c.turn_id WHERE t.chat = ? ORDER BY c.opened_at',
    String(chat_id),
  );

/** What the model was asked last in a request. */
function asked(request: MessagesRequest): string {
  const { content } = request.messages.at(-1) ?? {};
  if (typeof content === 'string') return content;
  const texts = (content ?? []).flatMap((block) => (block.type === 'text' ? [block.text] : []));
  // The hour stands before what was said.
  return texts.filter((text) => !/^\[.* UTC\]$/.test(text)).join('\n\n');
}

/** Holds the model back on whatever holds `word`, until it is opened. */
function gate(word: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const heard: string[] = [];
  house.model.script(async (request) => {
    const words = asked(request);
    heard.push(words);
    if (words.includes(word)) await promise;
    return `answer to: ${words.split('\n').at(-1)}`;
  });
  return {
    open: resolve,
    heard,
    reached: () => until('the model is asked', () => heard.some((words) => words.includes(word))),
  };
}

async function kill(service: ServiceName): Promise<void> {
  const pid = await house.pidOf(service);
  process.kill(pid, 'SIGKILL');
  await until(`${service} is back`, async () => (await house.pidOf(service)) !== pid);
}

test('a message is answered once, and paid once', async () => {
  chat += 1;
  await say(chat, 'hello');
  assert.deepEqual(await answered(chat, 1), ['answer to: hello']);
  await settled(chat);
  assert.deepEqual(await textsIn(chat), ['answer to: hello']);
  assert.deepEqual(
    (await paidIn(chat)).map(({ outcome }) => outcome),
    ['ok'],
  );
});

test('ten chats are answered side by side while the model hangs over an eleventh', async () => {
  const hung = 200;
  const model = gate('hang');
  await say(hung, 'hang');
  await model.reached();
  const chats = Array.from({ length: 10 }, (_, i) => 201 + i);
  for (const each of chats) await say(each, `hello from ${each}`);
  for (const each of chats) assert.deepEqual(await answered(each, 1), [`answer to: hello from ${each}`]);
  assert.deepEqual(await textsIn(hung), []);
  model.open();
  assert.deepEqual(await answered(hung, 1), ['answer to: hang']);
});

test('messages that wait together become one turn, after the one before it, and are paid once', async () => {
  chat += 1;
  const model = gate('first');
  await say(chat, 'first');
  await model.reached();
  for (const text of ['second', 'third', 'fourth']) await say(chat, text);
  await until('all are stored', async () => {
    const stored = await house.read(
      `SELECT id FROM inbound WHERE chat = ? AND state = 'pending'`,
      String(chat),
    );
    return stored.length === 3;
  });
  model.open();
  assert.deepEqual(await answered(chat, 2), ['answer to: first', 'answer to: fourth']);
  await settled(chat);
  assert.deepEqual(model.heard, ['first', 'second\n\nthird\n\nfourth']);
  assert.equal((await callsIn(chat)).length, 2);
  const inbound = await house.read<{ state: string }>(
    'SELECT state FROM inbound WHERE chat = ?',
    String(chat),
  );
  assert.deepEqual(
    inbound.map(({ state }) => state),
    Array(4).fill('answered'),
  );
});

test('of a flood of messages the model hears every one, more than its history holds', async () => {
  chat += 1;
  const model = gate('begin');
  await say(chat, 'begin');
  await model.reached();
  const words = Array.from({ length: 45 }, (_, i) => `word${i}.`);
  for (const word of words) await say(chat, word);
  await until('all are stored', async () => {
    const stored = await house.read(
      `SELECT id FROM inbound WHERE chat = ? AND state = 'pending'`,
      String(chat),
    );
    return stored.length === words.length;
  });
  model.open();
  await settled(chat);
  const heard = model.heard.join('\n');
  assert.deepEqual(
    words.filter((word) => !heard.includes(word)),
    [],
  );
});

test('a stranger is refused without a model call, recorded, and told once how the owner would let them in', async () => {
  const calls = house.model.calls().length;
  await house.bot.say({ chat_id: 666, text: 'let me in' });
  assert.match((await answered(666, 1))[0] ?? '', /your Telegram id, which is 666/);
  await house.bot.say({ chat_id: 666, text: 'please' });
  await house.bot.say({ chat_id: -5, text: 'in a group', from: { id: OWNER } });
  chat += 1;
  await say(chat, 'hello');
  await answered(chat, 1); // what came before it is dealt with
  assert.equal((await textsIn(666)).length, 1);
  const rows = await house.read<{ state: string; note: string }>(
    `SELECT state, note FROM inbound WHERE chat IN ('666', '-5') ORDER BY id`,
  );
  assert.deepEqual(
    rows.map(({ state, note }) => `${state}: ${note}`),
    ['refused: a stranger', 'refused: a stranger', 'refused: a group'],
  );
  assert.equal(house.model.calls().length, calls + 1);
});

test('what is for a chat that has blocked the bot waits until it is let in again, and the others go on', async () => {
  const [blocked, other] = [301, 302];
  const model = gate('hello');
  await say(blocked, 'hello');
  await model.reached();
  await house.bot.block(blocked);
  model.open();
  await until('the chat is muted', async () => {
    const rows = await house.read(
      'SELECT 1 FROM chat WHERE chat = ? AND muted_at IS NOT NULL',
      String(blocked),
    );
    return rows.length > 0 && (await outboundIn(blocked)).length > 0;
  });
  await say(other, 'anyone?');
  assert.deepEqual(await answered(other, 1), ['answer to: anyone?']);
  assert.equal((await outboundIn(blocked))[0]?.state, 'pending');
  await house.bot.unblock(blocked);
  assert.deepEqual(await answered(blocked, 1), ['answer to: hello']);
});

test('an answer that may have arrived is sent once more, and marked', async () => {
  chat += 1;
  await house.bot.fault({ kind: 'drop_after', method: 'sendMessage', times: 1 });
  await say(chat, 'hello');
  await settled(chat);
  assert.deepEqual(await textsIn(chat), ['answer to: hello', 'answer to: hello']);
  const [row] = await outboundIn(chat);
  assert.deepEqual([row?.state, row?.uncertain], ['sent', 1]);
});

test('a bridge that is killed while it sends sends again, and marks it', async () => {
  chat += 1;
  await house.bot.fault({ kind: 'hang', method: 'sendMessage', times: 1 });
  await say(chat, 'hello');
  await until('it is being sent', async () => {
    const calls = await house.bot.calls({ method: 'sendMessage' });
    return calls.some(({ args, outcome }) => args.chat_id === String(chat) && outcome === 'fault: hang');
  });
  await kill('telegram');
  await settled(chat);
  assert.deepEqual(await textsIn(chat), ['answer to: hello']);
  const [row] = await outboundIn(chat);
  assert.deepEqual([row?.state, row?.uncertain], ['sent', 1]);
});

test('a long answer arrives in parts and in order; the silence Telegram asks for is kept over a kill, in that chat only', async () => {
  const [long, other] = [401, 402];
  const words = Array.from({ length: 1800 }, (_, i) => `w${i}`).join(' ');
  assert.ok(words.length > 8192);
  house.model.script((request) => (asked(request) === 'at length' ? words : 'short'));
  await house.bot.limits({ chat: { messages: 1, per_ms: 2000 } });
  await say(long, 'at length');
  const refusal = await until('the second part is refused', async () => {
    const calls = await house.bot.calls({ method: 'sendMessage' });
    return calls.find(({ args, status }) => args.chat_id === String(long) && status === 429);
  });
  await until('the pause is kept', async () => {
    const [row] = await outboundIn(long);
    return row?.state === 'pending' && row.part === 1;
  });
  await kill('telegram');
  await house.bot.limits({});
  await say(other, 'and me?');
  await answered(other, 1);
  const silent = await house.read<{ chat: string }>(
    'SELECT chat FROM chat WHERE paused_until_at IS NOT NULL',
  );
  assert.deepEqual(silent, [{ chat: String(long) }], 'this chat alone is silent');
  await settled(long);
  const texts = await textsIn(long);
  assert.equal(texts.length, 3);
  assert.equal(texts.join(' '), words);
  const next = (await house.bot.calls({ method: 'sendMessage', after: refusal.seq })).find(
    ({ args }) => args.chat_id === String(long),
  );
  assert.ok((next?.at_ms ?? 0) - refusal.at_ms >= 2000, 'not before the time that was asked for');
  const [row] = await outboundIn(long);
  assert.deepEqual([row?.state, row?.uncertain], ['sent', 0]);
});

test('with the network gone for a while, everything arrives afterwards, in order and once', async () => {
  chat += 1;
  const model = gate('before');
  await say(chat, 'before');
  await model.reached();
  await house.bot.network('down');
  model.open();
  await until('the answer has been tried in vain', async () => {
    const [row] = await outboundIn(chat);
    return row?.error?.includes('ECONNREFUSED');
  });
  for (const text of ['one', 'two']) await say(chat, text);
  await house.bot.network('up');
  await until('the last is answered', async () => (await textsIn(chat)).includes('answer to: two'));
  await settled(chat);
  const texts = await textsIn(chat);
  assert.equal(texts[0], 'answer to: before');
  assert.equal(new Set(texts).size, texts.length, 'nothing is doubled');
  const said = model.heard.filter((words) => words !== 'before').join('\n\n');
  assert.equal(said, 'one\n\ntwo');
  assert.ok((await outboundIn(chat)).every(({ uncertain }) => uncertain === 0));
});

test('a webhook that somebody sets is removed, and messages come again', async () => {
  chat += 1;
  const somebody = new Api(TOKEN, { apiRoot: house.bot.root, fetch: httpFetch() });
  await somebody.setWebhook('https://example.org/hook');
  await until('it is removed', async () => (await somebody.getWebhookInfo()).url === '');
  await say(chat, 'hello');
  assert.deepEqual(await answered(chat, 1), ['answer to: hello']);
});

for (const service of ['core', 'router'] as const) {
  test(`a ${service} that is killed during a model call leaves one answer`, async () => {
    chat += 1;
    const model = gate('hello');
    await say(chat, 'hello');
    await model.reached();
    await kill(service);
    model.open();
    await settled(chat);
    assert.deepEqual(await textsIn(chat), ['answer to: hello']);
    const calls = (await paidIn(chat)).map(({ state, outcome }) => `${state}: ${outcome}`);
    // The router has finished the answer, and kept it for the next core.
    assert.deepEqual(calls, service === 'core' ? ['settled: ok'] : ['abandoned: router died', 'settled: ok']);
  });
}

test('what the model will never answer is told to its sender, and the next message is answered', async () => {
  chat += 1;
  house.model.script((request) => {
    if (JSON.stringify(request.messages).includes('poison'))
      throw new ApiError('invalid_request_error', 'too odd');
    return 'fine';
  });
  await say(chat, 'poison');
  assert.match((await answered(chat, 1))[0] ?? '', /^I cannot answer this: .*too odd/);
  await say(chat, 'hello');
  assert.equal((await answered(chat, 2))[1], 'fine');
  const rows = await house.read<{ state: string }>(
    'SELECT state FROM inbound WHERE chat = ? ORDER BY id',
    String(chat),
  );
  assert.deepEqual(
    rows.map(({ state }) => state),
    ['dead', 'answered'],
  );
});

test('a voice message that nobody can listen to is kept, told of, and costs nothing', async () => {
  chat += 1;
  const calls = house.model.calls().length;
  const voice = { ...(await house.bot.upload({ name: 'v.ogg', text: 'x' })), duration: 1 };
  await house.bot.say({ chat_id: chat, from: { id: OWNER }, more: { voice } });
  assert.match((await answered(chat, 1))[0] ?? '', /^I cannot listen to recordings yet.* kept/);
  assert.equal(house.model.calls().length, calls);
});

test('the whole house drains and stops, every service by itself', async () => {
  assert.equal(await suite.stop(), 0);
  const states = await house.read<{ service: string; phase: string }>(
    'SELECT service, phase FROM heartbeat ORDER BY 1',
  );
  assert.deepEqual(
    states,
    services
      .map(({ name }) => ({ service: name, phase: 'stopped' }))
      .sort((a, b) => (a.service < b.service ? -1 : 1)),
  );
});
