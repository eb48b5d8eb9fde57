import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Embed } from '#shared/recall/embed.ts';
import { vectorOf } from '#shared/recall/vector.ts';
import { openStore } from '#shared/store/store.ts';
import * as embedding_trial from '#shared/tables/embedding_trial.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { meaningReader } from './meaning.ts';

const TURN = { id: 't', conversation: 'telegram:1', unasked: 0 } as const;
const TRIAL = {
  at: 1,
  alias: 'one/small',
  model: 'small',
  pairs: 30,
  by_words: 0,
  by_both: 1,
  better: 9,
  worse: 0,
};

async function desk(t: TestContext, used: 0 | 1, embed: Embed, patience_ms?: number) {
  const directory = scratch(t);
  const memory = await openStore({ directory, principal: 'memory', flush: 'normal' });
  const store = await openStore({ directory, principal: 'core', flush: 'normal' });
  t.after(() => Promise.all([memory.close(), store.close()]));
  await memory.commit([embedding_trial.add({ ...TRIAL, floor: 0.2, weight: 4, used, why: '' })]);
  const warned: string[] = [];
  const log = { warn: (_event: string, { error }: { error: string }) => warned.push(error) };
  const clock = { now: () => 1 };
  return { warned, meaningOf: meaningReader({ store, log, clock } as never, embed, patience_ms) };
}

const vector = vectorOf([3, 4]);

test('where vectors have won, a question is one, of the model of all others', async (t) => {
  const asked: string[] = [];
  let model = 'small';
  const { meaningOf, warned } = await desk(t, 1, async (of) => {
    asked.push(`${of.model} ${of.texts.join()} ${of.headers['x-vigil-turn']}`);
    return { model, vectors: [vector] };
  });
  assert.deepEqual(await meaningOf(TURN, 'Where is my bicycle?'), {
    model: 'small',
    vector,
    floor: 0.2,
    weight: 4,
  });
  assert.equal(await meaningOf(TURN, 'thank you!'), null, 'nothing is looked for by that');
  assert.deepEqual(asked, ['one/small Where is my bicycle? t']);
  model = 'large';
  assert.equal(await meaningOf(TURN, 'Where is my boat?'), null, 'with the others it cannot be compared');
  assert.deepEqual(warned, ['expected a vector of small, got one of large']);
});

test('where they have not won, nobody is asked', async (t) => {
  const { meaningOf } = await desk(t, 0, () => assert.fail('asked'));
  assert.equal(await meaningOf(TURN, 'Where is my bicycle?'), null);
});

test('one that is late or fails is done without, which is said once', async (t) => {
  const hanging: Embed = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  let embed: Embed = hanging;
  const { meaningOf, warned } = await desk(t, 1, (of) => embed(of), 20);
  const ask = () => meaningOf(TURN, 'Where is my bicycle?');
  assert.equal(await ask(), null);
  embed = () => Promise.reject(new Error('nobody is there'));
  assert.equal(await ask(), null);
  assert.equal(warned.length, 1);
  embed = async () => ({ model: 'small', vectors: [vector] });
  assert.ok(await ask());
  embed = hanging;
  assert.equal(await ask(), null);
  assert.equal(warned.length, 2, 'it had worked in between');
});
