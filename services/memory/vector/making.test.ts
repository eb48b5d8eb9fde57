import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Log } from '#shared/base/log.ts';
import { type Asked, NoVectors } from '#shared/recall/embed.ts';
import { passageOf } from '#shared/recall/passage.ts';
import { recall } from '#shared/recall/recall.ts';
import { vectorOf } from '#shared/recall/vector.ts';
import { openStore, type Store } from '#shared/store/store.ts';
import * as embedding from '#shared/tables/embedding.ts';
import * as embedding_trial from '#shared/tables/embedding_trial.ts';
import * as memory from '#shared/tables/memory.ts';
import type { Op, Value } from '#shared/tables/op.ts';
import * as passage from '#shared/tables/passage.ts';
import { badVector, goodVector, nameOf, otherNameOf } from '#shared/testing/meaning.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { maker } from './making.ts';
import { isDue, usedIn, verdictOn } from './trial.ts';

const DAY_ms = 86_400_000;
const NOON = Date.UTC(2026, 4, 4, 12);
const THINGS = 70;

const op = (sql: string, ...args: Value[]): Op => ({ verb: 'test', sql, args });

function told(id: number, text: string, scope = 'owner'): Op {
  const message = {
    id,
    role: 'user',
    text,
    at: NOON + id * DAY_ms,
    turn_id: `t${id}`,
    parts_json: null,
    trust: 3,
  } as const;
  return passage.add(passageOf({ ...message, scope, conversation: 'terminal:main', author: '' }, []));
}

function kept(id: number, text: string, source: number): Op[] {
  const nothing = {
    slot: null,
    valid_from: null,
    valid_to: null,
    due_at: null,
    period: null,
    starts_at: null,
  };
  return [
    memory.add(
      {
        ...nothing,
        ...{
          uid: `m${id}`,
          scope: 'owner',
          kind: 'fact',
          text,
          hash: text,
          status: 'active',
          origin: 'model',
        },
        ...{
          trust: 3,
          confidence: null,
          ends_at: null,
          recorded_at: NOON,
          unrecorded_at: null,
          wish_id: null,
        },
        ...{ pinned: 0, asked_at: null },
      },
      null,
    ),
    op(
      'INSERT INTO memory_source (memory_id, message_id) SELECT id, ? FROM memory WHERE uid = ?',
      source,
      `m${id}`,
    ),
  ];
}

/** What was said of many things by one name, and is remembered by the other; and as much in the words of memory besides. */
async function filled(store: Store, upto = THINGS, from = 0): Promise<void> {
  for (let thing = from; thing < upto; thing++) {
    await store.commit([
      told(2 * thing + 1, `The ${nameOf(thing)} went under my stairs`),
      told(2 * thing + 2, 'Somebody keeps plenty stored at home'),
      ...kept(thing, `Somebody keeps a ${otherNameOf(thing)} stored at home`, 2 * thing + 1),
    ]);
  }
}

async function desk(t: TestContext, how: (text: string) => number[]) {
  const store = await openStore({ directory: scratch(t), principal: 'memory', flush: 'normal' });
  t.after(() => store.close());
  const asked: Asked[] = [];
  const now = { at: NOON };
  const warned: string[] = [];
  const log = { warn: (event: string) => warned.push(event), debug() {} } as unknown as Log;
  /** Each fault strikes one question. */
  const faults: ((asked: Asked) => Error | null)[] = [];
  const provider = { model: 'small' };
  const make = () =>
    maker(
      {
        ...{ store, log, signal: new AbortController().signal, config: { embed: 'one/small' } },
        clock: { now: () => now.at, mono: () => now.at },
      },
      async (question) => {
        asked.push(question);
        const fault = faults.shift()?.(question);
        if (fault) throw fault;
        return { model: provider.model, vectors: question.texts.map((text) => vectorOf(how(text))) };
      },
    );
  const drain = async (work = make()) => {
    for (let step = await work.look(); step; step = await work.look()) await work.act(step);
  };
  const refs = async () =>
    (
      await store.read<{ ref: number }>({
        verb: 'test',
        sql: 'SELECT ref FROM embedding ORDER BY ref',
        args: [],
      })
    ).map(({ ref }) => ref);
  const trial = async () => (await store.read(embedding_trial.latest))[0];
  return { store, asked, now, warned, faults, provider, make, drain, refs, trial };
}

test('vectors that know what is meant are switched on, and find what no word does', async (t) => {
  const { store, drain, trial } = await desk(t, goodVector);
  await filled(store);
  await drain();
  const found = await trial();
  assert.ok(found?.used === 1, JSON.stringify(found));
  assert.ok(found.by_both - found.by_words > 0.3, JSON.stringify(found));

  const text = `where is that ${otherNameOf(7)}`;
  const question = { scope: 'owner', text, now: NOON, budget_tokens: 300, messages_only: true };
  const meaning = {
    model: 'small',
    vector: vectorOf(goodVector(text)),
    floor: found.floor,
    weight: found.weight,
  };
  const first = async (of: typeof question & { meaning?: typeof meaning }) =>
    (await recall(store.read, of))[0]?.id;
  assert.equal(await first(question), undefined, 'no word of it was ever said');
  assert.equal(await first({ ...question, meaning }), 15);
  assert.equal(await first({ ...question, scope: 'telegram:-1', meaning }), undefined, 'nor elsewhere');
});

test('vectors that know nothing are not switched on', async (t) => {
  const { store, drain, trial } = await desk(t, badVector);
  await filled(store);
  await drain();
  const found = await trial();
  assert.equal(found?.used, 0, JSON.stringify(found));
  assert.ok((found?.pairs ?? 0) >= 30);
});

test('a model that has become worse is switched off, and what is too little to say waits for more', async (t) => {
  let how = goodVector;
  const { store, drain, trial, now, provider } = await desk(t, (text) => how(text));
  await filled(store, 40);
  await drain();
  assert.deepEqual((await trial())?.why, '20 of 30 pairs that it takes');
  await filled(store, THINGS, 40);
  now.at += DAY_ms;
  await drain();
  assert.equal((await trial())?.used, 1);

  how = badVector;
  provider.model = 'large';
  now.at += 31 * DAY_ms;
  await drain();
  const { used, model } = (await trial()) ?? {};
  assert.deepEqual({ used, model }, { used: 0, model: 'large' });
  const models = await store.read(embedding.sizes);
  assert.deepEqual(
    models.map(({ model, count }) => [model, count]),
    [['large', 3 * THINGS]],
    'what the former model made was made anew',
  );
});

test('killed in the middle it goes on where it was; what is there is not asked for again', async (t) => {
  const { store, asked, make, drain, refs } = await desk(t, goodVector);
  await filled(store, 100);
  const first = make();
  for (let i = 0; i < 3; i++) await first.act((await first.look()) ?? assert.fail('there is more'));
  assert.equal((await refs()).length, 128);
  await drain();
  assert.equal((await refs()).length, 300);
  const texts = asked.slice(0, -4).flatMap((one) => one.texts);
  assert.equal(texts.filter((text) => text.includes(nameOf(7))).length, 1);
});

test('a text that the model refuses goes without, and takes none of the others along', async (t) => {
  const { store, asked, faults, drain, refs } = await desk(t, goodVector);
  await filled(store, 20);
  await store.commit([told(99, 'poison')]);
  const refused = ({ texts }: Asked) =>
    texts.includes('poison')
      ? new NoVectors('too long', { status: 400, unfit: true, retry_after_ms: null })
      : null;
  for (let i = 0; i < 50; i++) faults.push(refused);
  await drain();
  assert.equal((await refs()).length, 61);
  const sizes = await store.read<{ size: number }>({
    verb: 'test',
    sql: 'SELECT length(vector) AS size FROM embedding WHERE ref = 99',
    args: [],
  });
  assert.deepEqual(sizes, [{ size: 0 }]);
  const again = asked.length;
  await drain();
  assert.equal(asked.slice(again).filter(({ texts }) => texts.includes('poison')).length, 0);
});

test('while nobody makes vectors it rests longer and longer, and says so once', async (t) => {
  const { store, asked, faults, make, drain, now, warned, refs } = await desk(t, goodVector);
  await filled(store, 5);
  for (let i = 0; i < 6; i++) faults.push(() => new Error('nobody is there'));
  const work = make();
  for (let tries = 1; tries <= 6; tries++) {
    await drain(work);
    assert.equal(asked.length, tries, 'one try, then a rest');
    now.at = (await work.due()) ?? assert.fail('a time to try again');
  }
  assert.ok(now.at - NOON > 20 * 60_000);
  assert.deepEqual(warned, ['vectors.unmade']);
  await drain(work);
  assert.equal((await refs()).length, 15);
});

test('a vector goes with its words, and what is forgotten while it is made gets none', async (t) => {
  const { store, drain, make, refs } = await desk(t, goodVector);
  await filled(store, 3);
  await drain();
  assert.deepEqual(await refs(), [-3, -2, -1, 1, 2, 3, 4, 5, 6]);
  await store.commit([
    passage.remove(1),
    told(2, 'It says something else now'),
    told(3, `The ${nameOf(1)} went under my stairs`, 'telegram:-1'),
  ]);
  await store.commit([
    op('DELETE FROM memory_source WHERE memory_id = 1'),
    op('DELETE FROM memory WHERE id = 1'),
  ]);
  await store.commit([op("UPDATE memory SET status = 'retracted' WHERE id = 2")]);
  assert.deepEqual(await refs(), [-3, 4, 5, 6]);

  const work = make();
  await work.act((await work.look()) ?? assert.fail());
  const asking = (await work.look()) ?? assert.fail('2 and 3 have none');
  await store.commit([passage.remove(2)]);
  await work.act(asking);
  assert.deepEqual(await refs(), [-3, 3, 4, 5, 6]);
});

test('only a clear win switches on, and only a loss off', () => {
  const sums = { by_words: 0.5, by_both: 0.6, gain: 0.1, better: 6, worse: 1, was_used: false };
  assert.equal(verdictOn(sums).used, 1);
  assert.equal(verdictOn({ ...sums, gain: 0.019 }).used, 0, 'too little');
  assert.equal(verdictOn({ ...sums, better: 5, worse: 2 }).used, 0, 'may be chance');
  const later = { ...sums, by_both: 0.5, gain: -0.01, better: 2, worse: 3, was_used: true };
  assert.equal(verdictOn(later).used, 1);
  assert.equal(verdictOn({ ...later, by_both: 0.499 }).used, 0);
});

test('it is tried again after a month, when somebody wants it, or when the model is another', () => {
  const latest = {
    id: 1,
    at: NOON,
    alias: 'a',
    model: 'm',
    pairs: 40,
    used: 1,
    why: '',
    floor: 0,
    weight: 4,
  } as const;
  const trial = { ...latest, by_words: 0, by_both: 0, better: 0, worse: 0 };
  const now = { alias: 'a', model: 'm', now: NOON + 30 * DAY_ms - 1, wished_at: NOON };
  assert.equal(isDue(trial, now), false);
  assert.equal(isDue(trial, { ...now, now: NOON + 30 * DAY_ms }), true);
  assert.equal(isDue(trial, { ...now, wished_at: NOON + 1 }), true);
  assert.equal(isDue(trial, { ...now, model: 'n' }), true);
  assert.equal(isDue(trial, { ...now, alias: 'b' }), true);
  assert.equal(isDue(undefined, now), true);
  assert.equal(isDue({ ...trial, pairs: 29 }, { ...now, now: NOON + DAY_ms }), true);
  assert.equal(isDue(trial, { ...now, now: NOON - 1 }), true, 'the clock was set back');
});

test('of what was recalled with a question, what the answer has taken up counts', () => {
  const row = { question_id: 1, scope: 'owner', question: 'Where did we eat in Lisbon?', turn_id: 't' };
  const answer = 'You had grilled sardines at Ramiro in Lisbon.';
  const pairs = usedIn([
    { ...row, ref: 5, told: 'Grilled sardines at Ramiro, lovely', answer },
    { ...row, ref: 6, told: 'In Lisbon we eat and eat', answer },
  ]);
  assert.deepEqual(pairs, [{ scope: 'owner', text: row.question, except_turns: ['t'], refs: [5] }]);
});
