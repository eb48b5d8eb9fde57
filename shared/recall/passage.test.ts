import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as passage from '#shared/tables/passage.ts';
import { openStore } from '../store/store.ts';
import { scratch } from '../testing/scratch.ts';
import { passageOf, type Told } from './passage.ts';

const MINUTE_ms = 60_000;

function told(id: number, text: string, at = id * MINUTE_ms): Told {
  return {
    id,
    role: 'user',
    text,
    at: Date.UTC(2026, 4, 4, 12) + at,
    turn_id: `t${id}`,
    parts_json: null,
    trust: 3,
    scope: 'owner',
    conversation: 'telegram:1',
    author: 'Ada',
  };
}

test('a message is searched with the two before and the two after it', () => {
  const all = [1, 2, 3, 4, 5, 6, 7].map((id) => told(id, `m${id}`));
  const of = (id: number) => passageOf(told(id, `m${id}`), all).context;
  assert.equal(of(4), 'm2\nm3\n\nm5\nm6');
  assert.equal(of(1), '\n\nm2\nm3');
  assert.equal(of(7), 'm5\nm6');
});

test('a long neighbour explains nothing, nor does what was said an hour before', () => {
  const all = [told(1, 'x'.repeat(300)), told(2, 'x'.repeat(301)), told(3, 'which one?')];
  assert.equal(passageOf(told(3, ''), all).context, 'x'.repeat(300));
  assert.equal(
    passageOf(told(3, '', 62 * MINUTE_ms), all).context,
    'x'.repeat(300),
    'an hour after the last',
  );
  assert.equal(passageOf(told(3, '', 62 * MINUTE_ms + 1), all).context, '', 'a moment more');
});

test('what a message replies to is its context, what it carries its text, and its date its day', () => {
  const parts_json = JSON.stringify([
    { kind: 'quote', text: 'Where\nto?', from: 'Bo', own: false },
    { kind: 'note', text: 'place: Lisbon' },
  ]);
  const { text, context, day } = passageOf({ ...told(1, 'here'), parts_json }, []);
  assert.deepEqual([text, context, day], ['here\nplace: Lisbon', 'Where to?', 'Monday 4 May 2026']);
});

test('words are found by their stem, and not any more once they are gone', async (t) => {
  const store = await openStore({ directory: scratch(t), principal: 'memory' });
  t.after(() => store.close());
  const found = async (index: string, words: string) =>
    (
      await store.read<{ id: number }>({
        verb: 'test',
        sql: `SELECT rowid AS id FROM ${index} WHERE ${index} MATCH ?`,
        args: [words],
      })
    ).map(({ id }) => id);
  await store.commit([
    passage.add(passageOf(told(1, 'We were painting the boat'), [])),
    passage.add(passageOf(told(2, '東京に住んでいます'), [])),
  ]);
  assert.deepEqual(await found('passage_fts', 'paints'), [1]);
  assert.deepEqual(await found('passage_pairs', '東京'), [2]);

  await store.commit([passage.add(passageOf(told(2, 'I live in Tokyo'), [told(1, 'a boat')]))]);
  assert.deepEqual(await found('passage_pairs', '東京'), [], 'the text was changed');
  assert.deepEqual(await found('passage_fts', 'boat'), [1, 2], 'what stands beside it too');
  await store.commit([passage.remove(1), passage.remove(2)]);
  assert.deepEqual(await found('passage_fts', 'boat OR tokyo OR monday'), []);
});
