import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIdle, understand } from './question.ts';

const NOW = new Date(2026, 10, 22, 12).getTime();
const day = (year: number, month: number, date: number) => new Date(year, month - 1, date).getTime();

test('a question is about its content words, each once, in order', () => {
  const { terms } = understand("Which of Caroline's paintings did she paint for the show?", NOW);
  assert.deepEqual(
    terms.map(({ word }) => word),
    ['caroline', 'paintings', 'show'],
  );
});

test('days and months are understood however they are written; without a year the last that has begun', () => {
  const period = (text: string) => understand(text, NOW).periods;
  const nine = [{ from: day(2026, 5, 9), to: day(2026, 5, 10) }];
  for (const text of ['on 9 May', 'on May 9th', 'the 9th of May, 2026', 'May 9, 2026']) {
    assert.deepEqual(period(text), nine, text);
  }
  assert.deepEqual(period('in December'), [{ from: day(2025, 12, 1), to: day(2026, 1, 1) }]);
  assert.deepEqual(period('in March 2024'), [{ from: day(2024, 3, 1), to: day(2024, 4, 1) }]);
  assert.deepEqual(period('yesterday'), [{ from: day(2026, 11, 21), to: day(2026, 11, 22) }]);
  assert.deepEqual(period('may I march in?'), []);
});

test('only what asks for nothing is idle', () => {
  for (const text of ['ok', 'Thank you!', 'good night', 'lol', '👍'])
    assert.ok(isIdle(understand(text, NOW)), text);
  for (const text of ['good wine?', 'yesterday?', '京都', 'and the boat?']) {
    assert.ok(!isIdle(understand(text, NOW)), text);
  }
});

test('a greeting before a question is no part of what it asks for', () => {
  const stems = (text: string) => understand(text, NOW).terms.map(({ stem }) => stem);
  assert.deepEqual(stems('Good morning! Where do I work?'), ['work']);
  assert.deepEqual(stems('Thanks, great. And my sister?'), ['sister']);
  assert.deepEqual(stems('What do I eat in the morning?'), ['eat', 'morn']);
});
