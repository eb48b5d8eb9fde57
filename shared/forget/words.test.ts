import assert from 'node:assert/strict';
import { test } from 'node:test';
import { finder, normalised, phrasesOf } from './words.ts';

test('sentences and long numbers are looked for; short words and single ones are not', () => {
  assert.deepEqual(phrasesOf(['ok', '4711', 'misconfigured', 'twelve chars']), ['twelve chars']);
  assert.deepEqual(phrasesOf(['eleven char']), []);
  assert.deepEqual(
    phrasesOf(['My locker opens with ZEBRA. Thanks!', 'Account DE02120300000000202051, please.']),
    [
      'My locker opens with ZEBRA',
      'Account DE02120300000000202051, please',
      'Account DE02120300000000202051',
      'DE02120300000000202051',
    ],
  );
  assert.deepEqual(phrasesOf(['0199aaaa-0000-7000-8000-000000000001']), [], 'the name of a row');
});

test('a phrase is found in any case and as JSON and addresses write it, and struck out as a whole', () => {
  const phrase = 'my "Äpfel" are at 5 Elm Road';
  const { in: found, without } = finder([phrase]);
  const forms = [
    phrase.toUpperCase(),
    JSON.stringify({ text: phrase }),
    JSON.stringify(JSON.stringify([phrase])),
    JSON.stringify(phrase).replace('Ä', '\\u00c4'),
    `https://search.example/?q=${encodeURIComponent(phrase)}`,
    `https://search.example/?q=${encodeURIComponent(phrase).replaceAll('%20', '+')}`,
  ];
  for (const form of forms) {
    assert.deepEqual([...found(form)], [phrase], form);
    assert.equal(finder([phrase]).in(without(form)).size, 0, form);
  }
  assert.equal(without(JSON.stringify({ text: phrase, n: 1 })), '{"text":"[forgotten]","n":1}');
  assert.equal(without('nothing of it'), 'nothing of it');
  assert.equal(
    finder(['Zebra-8841-X', 'Zebra-8841-X-long']).without('a zebra-8841-x-LONG b'),
    'a [forgotten] b',
  );
});

test('what is shown cut off is struck up to the word it was cut in', () => {
  const long =
    'the spare key of the summer house by the lake lies in the third flower pot from the left of the old shed';
  for (const most of [45, 60, 90]) {
    const left = finder(phrasesOf([long])).without(`I will remember: ${long.slice(0, most)}…`);
    assert.match(left, /^I will remember: \[forgotten\] ?[a-z]*…$/, `${most}: ${left}`);
  }
  assert.equal(finder(phrasesOf([`${long}.`])).without(`a ${long}. b`), 'a [forgotten]. b');
});

test('a phrase within another is found as well', () => {
  const { in: found } = finder(['account 120300000000', '120300000000']);
  assert.deepEqual([...found('the account 120300000000')], ['account 120300000000', '120300000000']);
});

test('letters that grow when they become small do not move the words behind them', () => {
  assert.equal(finder(['secret words here']).without('İİİ Secret Words Here, end'), 'İİİ [forgotten], end');
});

test('the same words are known again whatever stands around them', () => {
  assert.equal(normalised('  “My PIN  is\n4711.” '), 'my pin is 4711');
  assert.notEqual(normalised('my PIN is 4712'), normalised('my PIN is 4711'));
});
