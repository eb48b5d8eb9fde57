import assert from 'node:assert/strict';
import { test } from 'node:test';
import { itemsOf } from './feed.ts';
import { pageText, quoted, unescaped } from './text.ts';

const RSS = `<?xml version="1.0"?><rss version="2.0"><channel><title>The channel</title><link>https://a.example/</link>
<item><title>One &amp; only</title><link>https://a.example/1</link><guid isPermaLink="false">g1</guid>
<pubDate>Sun, 22 Nov 2026 10:00:00 GMT</pubDate><description>&lt;p&gt;Some &lt;b&gt;words&lt;/b&gt;&lt;/p&gt;</description></item>
<item><title><![CDATA[Two <i>of</i> them]]></title><link>https://a.example/2?a=1&amp;b=2</link></item></channel></rss>`;

const ATOM = `<feed xmlns="http://www.w3.org/2005/Atom"><title>Releases</title>
<entry><id>tag:github.com,2008:Repository/1/v1.2.0</id><title type="html">v1.2.0</title><updated>2026-11-20T00:00:00Z</updated>
<link rel="self" href="https://a.example/self"/><link rel="alternate" type="text/html" href="https://a.example/v1.2.0"/><content>c</content></entry></feed>`;

test('items are read out of RSS, Atom and JSON feeds', () => {
  assert.deepEqual(itemsOf(RSS), [
    {
      id: 'g1',
      title: 'One & only',
      url: 'https://a.example/1',
      at: Date.parse('2026-11-22T10:00:00Z'),
      text: 'Some words',
    },
    {
      id: 'https://a.example/2?a=1&b=2',
      title: 'Two of them',
      url: 'https://a.example/2?a=1&b=2',
      at: null,
      text: '',
    },
  ]);
  assert.deepEqual(itemsOf(ATOM), [
    {
      id: 'tag:github.com,2008:Repository/1/v1.2.0',
      title: 'v1.2.0',
      url: 'https://a.example/v1.2.0',
      at: Date.parse('2026-11-20'),
      text: 'c',
    },
  ]);
  const json = {
    version: 'https://jsonfeed.org/version/1.1',
    items: [{ id: 7, url: 'https://a.example/7', content_text: 'x' }],
  };
  assert.deepEqual(itemsOf(JSON.stringify(json)), [
    { id: '7', title: '', url: 'https://a.example/7', at: null, text: 'x' },
  ]);
});

test('what is no feed is none, and a broken one is read as far as it goes', () => {
  for (const text of ['', '<html><item>no</item></html>', '{"items":3}', '{', 'words', '[1]']) {
    assert.equal(itemsOf(text), null, text);
  }
  assert.deepEqual(itemsOf(RSS.slice(0, RSS.indexOf('<item><title><![CDATA')))?.length, 1);
  assert.deepEqual(itemsOf('<rss><item><title>half'), []);
});

test('entities that a feed declares are not expanded, and a thousand items end at two hundred', () => {
  const bomb = `<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "${'x'.repeat(50)}"><!ENTITY b "&a;&a;"><!ENTITY e SYSTEM "file:///etc/passwd">]>
    <rss><channel><item><title>&b; &e;</title></item></channel></rss>`;
  assert.equal(itemsOf(bomb)?.[0]?.title, '&b; &e;');
  assert.equal(itemsOf(`<rss>${'<item><title>t</title></item>'.repeat(1000)}</rss>`)?.length, 200);
});

test('of a page its words are left, a line a block', () => {
  const page = `<!doctype html><html><head><title>T</title><style>p{}</style><script>if (1<2) "</p>"</script></head>
    <body><!-- no --><h1>Head &#8212; line</h1><p>One <b>bold</b>word<br>two 1 < 2</p><svg><text>no</text></svg><p>&nbsp;</p></body>`;
  assert.equal(pageText(page), 'T\nHead — line\nOne boldword\ntwo 1 < 2');
  assert.equal(pageText('a<script>never closed <p>b'), 'a');
  assert.equal(pageText('a <b'), 'a');
});

test('a megabyte of what is made to be slow takes no time', () => {
  const began = performance.now();
  for (const evil of [
    '<',
    '<!--',
    '<script',
    '<a href="',
    '&#',
    '<item>',
    '<link ',
    '<![CDATA[',
    '<rss><item>',
    '<x '.repeat(9),
  ]) {
    const text = evil.repeat(Math.ceil(2 ** 20 / evil.length));
    pageText(text);
    itemsOf(`<rss>${text}`);
    itemsOf(`<rss><item>${text}</item></rss>`);
  }
  const took_ms = performance.now() - began;
  assert.ok(took_ms < 3000, `it took ${took_ms} ms`);
});

test("a stranger's words steer no screen, and are no longer than they may be", () => {
  assert.equal(quoted('a\u001b[31m\n\tb\u202Ec'), 'a [31m b c');
  assert.equal(quoted('😀'.repeat(10), 5).isWellFormed(), true);
  assert.equal(quoted('abcdef', 6), 'abcdef');
  assert.equal(quoted('abcdefg', 6), 'abcdef…');
  assert.equal(unescaped('&amp;lt; &#x41; &#65; &#0; &#xD800; &#9999999; &nope;'), '&lt; A A       &nope;');
});
