import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Found } from '#shared/recall/recall.ts';
import { openStore } from '#shared/store/store.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { askedOf, recollect } from './recall.ts';

test('what says too little is looked for with what was said before', () => {
  const before = 'Where does Anna live?';
  for (const words of ['and Bob?', 'what about her?', 'is it far?', 'und er?', 'why?']) {
    assert.equal(askedOf(words, before), `${before}\n${words}`, words);
  }
  for (const words of [
    'ping',
    'Thank you for that.',
    'ok?',
    'And which restaurant did Anna like in Kiel?',
    'Where do I work?',
  ]) {
    assert.equal(askedOf(words, before), words, words);
  }
  assert.equal(askedOf('and Bob?', undefined), 'and Bob?');
});

test('a memory that fails or is slow leaves the turn without one, and says so', async (t) => {
  const store = await openStore({ directory: scratch(t), principal: 'core', flush: 'normal' });
  t.after(() => store.close());
  const told: unknown[] = [];
  const log = { warn: (event: string, { error }: { error: Error }) => told.push([event, error.message]) };
  const question = { scope: 'owner', text: 'tea', now: 1, budget_tokens: 100 };
  const ask = (how: () => Promise<Found[]>) => recollect({ store, log } as never, 't', question, how);
  assert.deepEqual(await ask(() => Promise.reject(new Error('the index is torn'))), []);
  assert.deepEqual(await ask(() => new Promise(() => {})), []);
  assert.deepEqual(told, [
    ['recall.failed', 'the index is torn'],
    ['recall.failed', 'recall took more than 500 ms'],
  ]);
});
