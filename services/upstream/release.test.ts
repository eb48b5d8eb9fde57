import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNewer, releaseOf } from './release.ts';

test('which of two versions is newer', () => {
  for (const [a, b, newer] of [
    ['1.2.3', '1.2.3', false],
    ['1.2.4', '1.2.3', true],
    ['1.10.0', '1.9.9', true],
    ['2.0.0', '10.0.0', false],
    ['1.0.0', '1.0.0-rc.1', true],
    ['1.0.0-rc.2', '1.0.0', false],
  ] as const) {
    assert.equal(isNewer(a, b), newer, `${a} over ${b}`);
  }
});

test('a release is read from JSON, and from a feed like that of GitHub the newest that is finished', () => {
  const told = {
    version: 'v1.2.0',
    url: 'https://a.example/1.2.0',
    notes: 'Faster.\nAnd better.',
    sha256: 'x',
  };
  assert.deepEqual(releaseOf(JSON.stringify(told)), {
    version: '1.2.0',
    url: 'https://a.example/1.2.0',
    notes: 'Faster. And better.',
  });
  const entry = (tag: string, title: string) =>
    `<entry><id>tag:github.com,2008:Repository/1/${tag}</id><title>${title}</title><link href="https://a.example/${tag}"/></entry>`;
  const feed = `<feed>${entry('v1.9.0', 'Mended 1.9')}${entry('v1.10.0', 'The big one')}${entry('v2.0.0-rc.1', 'Soon')}</feed>`;
  assert.equal(releaseOf(feed).version, '1.10.0');
});

test('what names no version is refused', () => {
  for (const text of [
    '{}',
    '{"version":"1.2"}',
    '{"version":"1.2.3; rm -rf /"}',
    '<feed></feed>',
    '<html>',
    '',
  ]) {
    assert.throws(() => releaseOf(text), text);
  }
});
