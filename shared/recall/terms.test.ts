import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stemOf, wordsLike, wordsOf } from './terms.ts';

const ENDINGS =
  ' s es ed ied ing y ly ful fulness ational tional izer ization ibility ability icate ative iveness ment ion ous'.split(
    ' ',
  );
const WORDS = 'a go ski hop sky agree plan humb sens relat capabl Zürich 2026 x'
  .split(' ')
  .flatMap((word) => ENDINGS.map((ending) => word + ending));

test('each word of a text that has one of the stems is told, and all are counted', () => {
  const text = `(${WORDS.join(', ')}`;
  const all = wordsOf(text);
  for (const one of [text, text.replaceAll('ü', 'u')]) {
    for (const stem of new Set(all.map(stemOf))) {
      const told: string[] = [];
      assert.equal(
        wordsLike([stem])(one, (word) => told.push(word)),
        all.length,
      );
      const having = (words: readonly string[]) => words.filter((word) => stemOf(word) === stem);
      assert.deepEqual(having(told), having(all), stem);
    }
  }
});

test('a word that begins otherwise is not even looked at', () => {
  const told: string[] = [];
  assert.equal(
    wordsLike(['relat'])('Relations, rely on it', (word) => told.push(word)),
    4,
  );
  assert.deepEqual(told, ['relations', 'rely']);
});
