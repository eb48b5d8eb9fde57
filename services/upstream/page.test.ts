import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from './config.ts';
import { newsOf, readSeen } from './page.ts';

/** The news of each look, one after the other. */
function looks(when: Page['when'], texts: readonly string[]) {
  let seen = readSeen('{}');
  return texts.map((text) => {
    const sight = newsOf(when, seen, text);
    seen = readSeen(JSON.stringify(sight.seen));
    return sight.news;
  });
}

test('the first look remembers, and a change tells the lines that are new', () => {
  const page = (...lines: string[]) =>
    `<html><script>${Math.random()}</script>${lines.map((one) => `<p>${one}</p>`).join('')}`;
  assert.deepEqual(looks('changes', [page('a', 'b'), page('a', 'b'), page('a', 'c', 'd'), page('a')]), [
    null,
    null,
    ['c', 'd'],
    ['(something was taken away)'],
  ]);
  const many = Array.from({ length: 7 }, (_, n) => `line ${n}`);
  assert.equal(looks('changes', ['', many.join('\n')])[1]?.at(-1), '… and 2 more');
});

test('words that appear are told once for each time that they do', () => {
  const stock = '<p>Now <b>In Stock</b> again</p>';
  assert.deepEqual(looks({ contains: 'in stock' }, ['<p>Sold out</p>', stock, stock, '<p>no</p>', stock]), [
    null,
    ['Now In Stock again'],
    null,
    null,
    ['Now In Stock again'],
  ]);
  assert.deepEqual(
    looks({ contains: 'in stock' }, [stock])[0],
    ['Now In Stock again'],
    'also when it is so from the first',
  );
});

test('words that go are told', () => {
  assert.deepEqual(looks({ lacks: 'sold out' }, ['Sold out', 'Here it is']), [
    null,
    ['(without "sold out")'],
  ]);
});

test('of a feed what is new is told, also after it came back shorter', () => {
  const feed = (...ids: number[]) =>
    `<rss>${ids.map((id) => `<item><guid>${id}</guid><title>Item ${id}</title><link>https://a.example/${id}</link></item>`).join('')}</rss>`;
  assert.deepEqual(looks('new items', [feed(1, 2), feed(3, 1, 2), feed(3), feed(2, 1, 4)]), [
    null,
    ['Item 3 https://a.example/3'],
    null,
    ['Item 4 https://a.example/4'],
  ]);
  assert.throws(() => looks('new items', ['<html>no feed</html>']), /no RSS, Atom or JSON feed/);
});
