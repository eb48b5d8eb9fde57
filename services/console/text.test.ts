/** Text of others stays text, whatever is in it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer } from './answered.ts';
import { rendered } from './markdown.ts';
import { indented, line, plain, verbatim } from './text.ts';

const markup = async (markdown: string) => String(await rendered(markdown));

test('what hides or turns text around is shown by its number', () => {
  assert.equal(plain('a\u001b[31mb\u0000\u007f'), 'a[U+001B][31mb[U+0000][U+007F]');
  assert.equal(plain('rm \u202Egpj.exe\u200b'), 'rm [U+202E]gpj.exe[U+200B]');
  assert.equal(
    plain('a\u3164\u034f\u{e0101}b'),
    'a[U+3164][U+034F][U+E0101]b',
    'blank letters, and what hides behind them',
  );
  assert.equal(plain('one\r\ntwo\tthree'), 'one\ntwo\tthree');
  assert.equal(plain('👩‍👩‍👧 می‌خواهم ❤️'), '👩‍👩‍👧 می‌خواهم ❤️', 'what joins letters and emoji stays');
});

test('a long line is cut, and says how much is left out', () => {
  assert.equal(plain('x'.repeat(20), 20), 'x'.repeat(20));
  assert.equal(plain('x'.repeat(21), 20), `${'x'.repeat(20)}… (1 more characters)`);
  assert.ok(plain('x'.repeat(2 ** 20)).length < 2100);
  assert.equal(plain('😀', 1), '�… (1 more characters)', 'half of an emoji is none');
});

test('in a list a text is one line, of so many characters, and hides nothing either', () => {
  assert.equal(line(' one\n\n two ', 20), 'one two');
  assert.equal(line('x'.repeat(20), 20), 'x'.repeat(20));
  assert.equal(line('x'.repeat(21), 20), `${'x'.repeat(20)}…`);
  assert.equal(line('pay\u202e', 20), 'pay[U+202E]');
});

test('a closing tag in a text closes nothing', () => {
  assert.match(String(verbatim('</pre><script>alert(1)</script>', '"><b>')), /&lt;\/pre&gt;&lt;script&gt;/);
  assert.match(String(verbatim('x', '"><b>')), /aria-label="&quot;&gt;&lt;b&gt;"/);
});

test('JSON is laid out, and what is none is left as it is', () => {
  assert.equal(indented('{"a":1}'), '{\n  "a": 1\n}');
  assert.equal(indented('event: x'), 'event: x');
  const deep = '['.repeat(4000) + ']'.repeat(4000);
  assert.equal(indented(deep), deep, 'laid out, it would be 32 MB of blanks');
});

test('Markdown looks as it is meant', async () => {
  assert.equal(
    await markup('# T\n\n**b** *i* ~~s~~ `c`'),
    '<p><strong>T</strong></p><p><strong>b</strong> <em>i</em> <del>s</del> <code>c</code></p>',
  );
  assert.equal(
    await markup('3. three\n4. four\n   - deep\n\n- [x] done'),
    '<ol start="3"><li>three</li><li>four<ul><li>deep</li></ul></li></ol><ul><li>☑ done</li></ul>',
  );
  assert.match(
    await markup('```ts\na < b\n```'),
    /<pre [^>]*aria-label="code, ts"><code>a &lt; b<\/code><\/pre>/,
  );
  assert.match(
    await markup('| a | b |\n|-|-|\n| 1 | `2` |'),
    /<th scope="col">a<\/th>.*<td><code>2<\/code><\/td>/s,
  );
  assert.equal(await markup('> q'), '<blockquote><p>q</p></blockquote>');
});

test('no markup of a model becomes markup, and none of its images is loaded', async () => {
  for (const hostile of [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    'a <b onclick="x()">b</b>',
    '![x](https://evil.example/a.png "t\\"><img src=x>")',
    '![x][1]\n\n[1]: https://evil.example/a.png',
    '`</code><script>`',
    '```"><script>\n</code></pre><script>\n```',
    '<a href="javascript:x">x</a>',
  ]) {
    const made = await markup(hostile);
    assert.doesNotMatch(made, /<(script|img|b|iframe|svg|style)\b/i, hostile);
    // Of every tag that is there, only what stands in markdown.ts.
    for (const [, tag = ''] of made.matchAll(/<\/?([a-z0-9]+)/gi))
      assert.match(tag, /^(p|a|span|code|pre|strong|em)$/, hostile);
    assert.doesNotMatch(made, /<[^>]*\son\w+=/i, hostile);
  }
});

test('a link says where it leads, tells that address nothing, and leads nowhere but to the web', async () => {
  assert.equal(
    await markup('[my bank](https://evil.example/x?y=1)'),
    '<p><a href="https://evil.example/x?y=1" target="_blank" rel="noreferrer noopener nofollow">my bank</a> <span class="soft">(https://evil.example/x?y=1)</span></p>',
  );
  assert.doesNotMatch(
    await markup('<https://example.com>'),
    /class="soft"/,
    'a bare address is its own label',
  );
  assert.match(await markup('[x](https://bаnk.example)'), /\(https:\/\/xn--bnk-6cd\.example\/\)/);
  for (const bad of [
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'vbscript:x',
    '/c/x/halt',
  ]) {
    const made = await markup(`[label](${bad})`);
    assert.doesNotMatch(made, /<a /, bad);
    assert.ok(made.includes(`label <span class="soft">(${bad})</span>`), made);
  }
});

test('an address that hides its host behind a name is none', async () => {
  const made = await markup('[bank](https://bank.example@evil.example/)');
  assert.doesNotMatch(made, /<a /);
  assert.match(made, /bank <span class="soft">\(https:\/\/bank\.example@evil\.example\/\)/);
});

test('what no parser should be given is plain, and soon', async () => {
  for (const text of ['a*_'.repeat(10_000), '- '.repeat(3000), '>'.repeat(5000), 'x'.repeat(2 ** 20)]) {
    const began = performance.now();
    const made = String(await answer({ text, format: 'markdown' }));
    assert.match(made, /^<p class="words">|^<ul>|^<blockquote>/);
    assert.ok(performance.now() - began < 10_000, text.slice(0, 4));
  }
});
