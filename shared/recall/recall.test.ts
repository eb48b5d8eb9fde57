import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Op } from '#shared/tables/op.ts';
import * as passage from '#shared/tables/passage.ts';
import { openStore, type Store } from '../store/store.ts';
import { scratch } from '../testing/scratch.ts';
import { passageOf, type Told } from './passage.ts';
import { type Question, recall } from './recall.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const DAY_ms = 86_400_000;

type Said = Partial<Told> & { text: string };

/** A store in which this was said, an hour and more apart, the last of it yesterday. */
async function storeWith(t: TestContext, said: readonly (Said | string)[]): Promise<Store> {
  const store = await openStore({ directory: scratch(t), principal: 'memory', flush: 'normal' });
  t.after(() => store.close());
  const messages = said.map(
    (each, i): Told => ({
      id: i + 1,
      role: 'user',
      at: NOW - DAY_ms - (said.length - i) * 2 * 3_600_000,
      turn_id: `t${i + 1}`,
      parts_json: null,
      trust: 3,
      scope: 'owner',
      conversation: 'telegram:1',
      author: 'Ada',
      ...(typeof each === 'string' ? { text: each } : each),
    }),
  );
  await store.commit(messages.map((message) => passage.add(passageOf(message, messages))));
  return store;
}

function ask(store: Store, text: string, more: Partial<Question> = {}) {
  return recall(store.read, { scope: 'owner', text, now: NOW, budget_tokens: 1024, ...more });
}

const idsOf = (found: readonly { id: number }[]) => found.map(({ id }) => id);

const SMALL = [
  'The dentist moved my appointment to Thursday',
  'I planted tomatoes behind the house',
  'My sister Clara bought a violin in Cremona',
  'The train to Hamburg was late again',
  'We painted the fence green last weekend',
];

test('what was said is found by other forms of its words, and by words for the same', async (t) => {
  const store = await storeWith(t, SMALL);
  assert.equal((await ask(store, 'Which colour did we paint the fence?'))[0]?.id, 5);
  assert.equal((await ask(store, 'Where did Clara buy her instrument?'))[0]?.id, 3);
});

test('a greeting, a thank-you or a word that nobody has said brings nothing', async (t) => {
  const store = await storeWith(t, [...SMALL, 'hello', 'ok thanks', 'ping']);
  for (const text of ['ping', 'Hello!', 'thanks', 'ok', 'good morning', '', '?!', 'zugzwang']) {
    assert.deepEqual(await ask(store, text), [], text);
  }
});

test('a request that has a word in common with something, and no more, brings nothing', async (t) => {
  const store = await storeWith(t, [...SMALL, 'Put milk on the list', 'I sorted the photos']);
  assert.deepEqual(
    await ask(store, 'Write a python function that sorts a list of numbers by their absolute value'),
    [],
  );
  assert.equal((await ask(store, 'What is on the list?'))[0]?.id, 6);
});

test('nobody recalls what was said in another scope', async (t) => {
  const store = await storeWith(t, [
    'My PIN for the garage is written on the fridge',
    { text: 'Whose garage is it?', scope: 'telegram:-100', conversation: 'telegram:-100' },
  ]);
  assert.deepEqual(idsOf(await ask(store, 'garage PIN')), [1]);
  assert.deepEqual(idsOf(await ask(store, 'garage PIN', { scope: 'telegram:-100' })), [2]);
  assert.deepEqual(await ask(store, 'garage PIN', { scope: 'telegram:-200' }), []);
});

test('what the model is told anyway is not recalled as well', async (t) => {
  const store = await storeWith(t, ['The boat is called Wilhelmine', 'Our boat has a red hull']);
  assert.deepEqual(idsOf(await ask(store, 'boat')).sort(), [1, 2]);
  assert.deepEqual(idsOf(await ask(store, 'boat', { except_turns: ['t2'] })), [1]);
});

test('the budget is never passed', async (t) => {
  const store = await storeWith(t, ['boat '.repeat(8).trim(), 'Our boat', 'A boat']);
  const tokens = async (budget_tokens: number) =>
    (await ask(store, 'boat', { budget_tokens })).reduce(
      (sum, { text }) => sum + Math.ceil(text.length / 4),
      0,
    );
  assert.equal(await tokens(14), 14);
  assert.ok((await tokens(13)) <= 13);
  assert.equal(await tokens(1), 0);
});

test('a language without spaces is searched too', async (t) => {
  const store = await storeWith(t, [
    '私は京都に住んでいます',
    '昨日カレーを食べました',
    '我最喜欢的颜色是蓝色',
    'I like blue',
  ]);
  assert.equal((await ask(store, '京都のどこ？'))[0]?.id, 1);
  assert.equal((await ask(store, '你喜欢什么颜色？'))[0]?.id, 3);
  assert.deepEqual(await ask(store, '東京'), []);
});

test('of a long message the part that bears on the question is told', async (t) => {
  const padding = Array.from(
    { length: 60 },
    (_, i) => `Sentence ${i} speaks of the weather and of nothing else.`,
  );
  const text = [...padding.slice(0, 40), 'The spare key hangs behind the mirror.', ...padding.slice(40)].join(
    ' ',
  );
  const store = await storeWith(t, [{ text, role: 'assistant', author: 'Vigil', trust: 2 }]);
  const [found] = await ask(store, 'Where is the spare key?');
  assert.match(found?.text ?? '', /^… .*behind the mirror.* …$/s);
  assert.ok((found?.text.length ?? 0) <= 710, `${found?.text.length} characters`);
});

test('a named day brings what was said on it', async (t) => {
  const may = (day: number) => new Date(2026, 4, day, 12).getTime();
  const store = await storeWith(
    t,
    [3, 9, 20].map((day) => ({ text: `We had lunch with somebody`, at: may(day), conversation: `c${day}` })),
  );
  assert.equal((await ask(store, 'With whom did I have lunch on May 9?'))[0]?.id, 2);
  assert.deepEqual(idsOf(await ask(store, 'What happened on 20 May 2026?')).slice(0, 1), [3]);
});

test('what each was recalled for adds up to its score', async (t) => {
  const store = await storeWith(t, SMALL);
  for (const { score, why } of await ask(store, 'When is the dentist appointment?')) {
    const sum = Object.values(why).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(score - sum) < 0.05, `${score} is not ${sum}`);
  }
});

/** A memory and what it rests on, as the service keeps them. */
function remembered(
  id: number,
  more: {
    text: string;
    sources: number[];
    slot?: string;
    status?: string;
    origin?: string;
    recorded_at?: number;
  },
): Op[] {
  const { text, sources, slot = null, status = 'active', origin = 'rule', recorded_at = NOW } = more;
  return [
    {
      verb: 'test.memory',
      sql: `INSERT INTO memory (id, uid, scope, kind, slot, text, hash, status, origin, trust, recorded_at)
            VALUES (?, 'u' || ?, 'owner', 'fact', ?, ?, 'h' || ?, ?, ?, 3, ?)`,
      args: [id, id, slot, text, id, status, origin, recorded_at],
    },
    ...sources.map((source) => ({
      verb: 'test.source',
      sql: 'INSERT INTO memory_source (memory_id, message_id) VALUES (?, ?)',
      args: [id, source],
    })),
  ];
}

test('the newest value comes before the old one, also where it has none of the words that were asked', async (t) => {
  const store = await storeWith(t, [
    'I live in Bern, in a flat',
    'We moved house: Turin it is',
    'Bern is pretty',
  ]);
  await store.commit([
    ...remembered(1, { text: 'Lives in Bern', sources: [1], slot: 'owner.city', status: 'superseded' }),
    ...remembered(2, { text: 'Turin', sources: [2], slot: 'owner.city' }),
  ]);
  const found = await ask(store, 'In which flat do I live?');
  const place = (kind: string, id: number) => found.findIndex((each) => each.kind === kind && each.id === id);
  assert.equal(place('memory', 2), 0, JSON.stringify(found.map(({ kind, id }) => [kind, id])));
  assert.ok(place('message', 1) > 0, 'the old one is still there, after it');
  assert.equal(place('memory', 1), -1, 'what is superseded is not told');
});

test('a memory and the message that it rests on are told once', async (t) => {
  const store = await storeWith(t, [
    'Please note that my blood type is AB negative',
    'Type this letter again',
  ]);
  await store.commit(remembered(1, { text: "The owner's blood type is AB negative", sources: [1] }));
  const found = await ask(store, 'What is my blood type?');
  assert.equal(found.filter(({ text }) => text.includes('AB negative')).length, 1);
});

test('what a rule has noted loses weight with the years, what the owner asked to remember does not', async (t) => {
  const store = await storeWith(t, ['nothing of it']);
  const old = NOW - 3 * 365 * DAY_ms;
  await store.commit([
    ...remembered(1, { text: 'The boiler code is 4711', sources: [], recorded_at: old }),
    ...remembered(2, { text: 'The boiler code is 4712', sources: [], recorded_at: NOW }),
    ...remembered(3, { text: 'The boiler code is 4713', sources: [], recorded_at: old, origin: 'owner' }),
  ]);
  const found = await ask(store, 'What is the boiler code?');
  const [aged, fresh, owned] = [1, 2, 3].map((id) => found.find((each) => each.id === id)?.why.age);
  assert.ok((aged ?? 0) < -0.8, `${aged}`);
  assert.equal(fresh, 0);
  assert.equal(owned, 0);
});

test('of two values that contradict each other, both are told as unclear, beside what was said', async (t) => {
  const store = await storeWith(t, ['My boiler stands in the cellar', 'My boiler stands in the attic']);
  await store.commit([
    ...remembered(1, { text: 'The boiler stands in the cellar', sources: [1], slot: 'boiler.place' }),
    ...remembered(2, {
      text: 'The boiler stands in the attic',
      sources: [2],
      slot: 'boiler.place',
      status: 'disputed',
    }),
    ...remembered(3, { text: 'The boiler is a Buderus', sources: [] }),
  ]);
  const found = await ask(store, 'Where does my boiler stand?');
  const unclear = found.filter((each) => each.unclear).map(({ kind, id }) => `${kind} ${id}`);
  assert.deepEqual(unclear.toSorted(), ['memory 1', 'memory 2'], JSON.stringify(found));
  assert.ok(found.some(({ kind, id }) => kind === 'memory' && id === 3));
});
