import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fill, tokensOf } from './fill.ts';

const item = (key: string, tokens: number) => ({ key, text: 'x'.repeat(4 * tokens) });
const keysOf = (items: readonly { key: string }[]) => items.map(({ key }) => key);

test('what does not fit any more leaves its room to what does', () => {
  const best = [item('a', 10), item('b', 5), item('c', 2)];
  assert.deepEqual(keysOf(fill(best, 17, ({ key }) => [key])), ['a', 'b', 'c']);
  assert.deepEqual(keysOf(fill(best, 16, ({ key }) => [key])), ['a', 'b']);
  assert.deepEqual(keysOf(fill(best, 14, ({ key }) => [key])), ['a', 'c']);
  assert.deepEqual(keysOf(fill(best, 1, ({ key }) => [key])), []);
});

test('of two that tell the same the better one is told', () => {
  const found = fill([item('a', 1), item('b', 1), item('c', 1)], 9, ({ key }) =>
    key === 'c' ? ['c'] : ['same'],
  );
  assert.deepEqual(keysOf(found), ['a', 'c']);
});

test('a script that says more with each character takes more', () => {
  assert.deepEqual(['', 'a', 'abcd', 'abcde', '東京', '東京 ab'].map(tokensOf), [0, 1, 1, 2, 2, 3]);
});
