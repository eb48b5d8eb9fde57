import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixText } from '#shared/testing/bot-api/text.ts';
import { LONGEST_PART, split } from './split.ts';

/** What Telegram would show of a part; throws what it would refuse it with. */
const shown = (part: string) => fixText({ text: part, entities: [] }).text;

test('a text of 4,096 characters is one part, and one more makes two', () => {
  assert.deepEqual(split('x'.repeat(4096)), ['x'.repeat(4096)]);
  assert.deepEqual(
    split('x'.repeat(4097)).map((part) => part.length),
    [4096, 1],
  );
});

test('blanks around a text do not count', () => {
  assert.deepEqual(split(`\n\n ${'x'.repeat(4096)} \n`), ['x'.repeat(4096)]);
});

test('a cut falls on the end of a paragraph rather than of a line, a sentence or a word', () => {
  const words = 'word '.repeat(500);
  const ends = { '\n\n': 'paragraph', '\n': 'line', '. ': 'sentence', ' ': 'word' };
  const text = `${words}paragraph\n\n${words}`.slice(0, 4000).trimEnd();
  for (const [end, name] of Object.entries(ends)) {
    const [first] = split(`${'x'.repeat(3000)}${name}${end}${'y'.repeat(3000)}`);
    assert.equal(first, `${'x'.repeat(3000)}${name}${end.trim()}`);
  }
  assert.ok(
    split(`${text}\n${words}`)[0]?.endsWith('paragraph'),
    'the last paragraph that fits ends the part',
  );
});

test('an end in the first half of what fits is passed over: no part is needlessly short', () => {
  const [first] = split(`${'x'.repeat(2000)}\n\n${'y'.repeat(6000)}`);
  assert.equal(first?.length, LONGEST_PART);
});

test('an end that fits exactly is used, and one that ends a character later is not', () => {
  assert.equal(split(`${'x'.repeat(4094)}. ${'y'.repeat(50)}`)[0], `${'x'.repeat(4094)}.`);
  assert.equal(split(`${'x'.repeat(4095)}. ${'y'.repeat(50)}`)[0], `${'x'.repeat(4095)}.`);
  assert.equal(split(`${'x'.repeat(4096)}. ${'y'.repeat(50)}`)[0], 'x'.repeat(4096));
});

test('a character of two code units is never cut in two', () => {
  const [first, second] = split(`${'x'.repeat(4095)}😀y`);
  assert.equal(first, 'x'.repeat(4095));
  assert.equal(second, '😀y');
  assert.equal(split(`${'x'.repeat(4094)}😀y`)[0], `${'x'.repeat(4094)}😀`);
});

test('half a character, which Telegram would refuse, becomes a replacement character', () => {
  assert.deepEqual(split('a\ud800b'), ['a\ufffdb']);
});

test('what Telegram takes for blank makes no part', () => {
  for (const blank of ['', ' \n\t', '\u200b', '\u2800'.repeat(5000), '\u0001\u0002', '\u202a\u202c']) {
    assert.deepEqual(split(blank), []);
  }
  assert.deepEqual(split(`${'\u2800'.repeat(LONGEST_PART)}after`), ['after']);
});

/** Texts of all that is awkward: blanks, ends of every kind, pairs and halves of pairs, and what Telegram drops. */
function randomText(random: () => number, length: number): string {
  const pieces = [
    'a',
    'word',
    ' ',
    '\n',
    '\n\n',
    '. ',
    '😀',
    '👨‍👩‍👧',
    'ü',
    '漢字',
    '\ud83d',
    '\ude00',
    '\t',
    '\r\n',
  ];
  const rare = ['\u200b', '\u2800', '\u0000', '\u202e', 'x'.repeat(700), ' '.repeat(300)];
  let text = '';
  while (text.length < length) {
    const from = random() < 0.05 ? rare : pieces;
    text += from[Math.floor(random() * from.length)];
  }
  return text;
}

test('whatever the text, each part fits, Telegram takes it, and nothing of the words is lost', () => {
  let state = 1;
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const words = (text: string) => text.replace(/[\s\p{Cc}\u200b\u2800\u202e]/gu, '');
  for (let round = 0; round < 300; round++) {
    const text = randomText(random, Math.floor(random() * 20_000));
    const longest = round % 3 === 0 ? LONGEST_PART : 20 + Math.floor(random() * 1000);
    const parts = split(text, longest);
    for (const part of parts) {
      assert.ok(part.length <= longest, `round ${round}: a part of ${part.length}, at most ${longest}`);
      assert.ok(part.isWellFormed(), `round ${round}`);
      assert.notEqual(shown(part), '', `round ${round}`);
    }
    assert.equal(words(parts.join('')), words(text.toWellFormed()), `round ${round}`);
  }
});
