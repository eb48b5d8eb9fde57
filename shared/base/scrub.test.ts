import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scrubber } from './scrub.ts';

const MARK = '[scrubbed]';
const awkward = 'p"ä\\s/s w+r=d&\n1€😀';

test('a secret is found however it was encoded on its way', () => {
  const scrub = scrubber([awkward]);
  const inUrl = new URL('https://example.org/');
  inUrl.searchParams.set('q', awkward);
  const forms = {
    plain: awkward,
    'in JSON': JSON.stringify({ a: awkward }),
    'in JSON in a string in JSON': JSON.stringify([JSON.stringify({ a: awkward })]),
    'in JSON of a writer that escapes slashes': JSON.stringify(awkward).replaceAll('/', '\\/'),
    'in JSON of a writer that keeps to ASCII': JSON.stringify(awkward).replace(/[^ -~]/gu, (c) =>
      c
        .split('')
        .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}`)
        .join(''),
    ),
    'percent-encoded': encodeURIComponent(awkward),
    'percent-encoded in small letters': encodeURIComponent(awkward).replace(/%../g, (hex) =>
      hex.toLowerCase(),
    ),
    'percent-encoded twice': encodeURIComponent(encodeURIComponent(awkward)),
    'in the query of a URL': inUrl.href,
    'in a form': new URLSearchParams({ a: awkward }).toString(),
  };
  for (const [name, text] of Object.entries(forms)) {
    const clean = scrub(text);
    assert.ok(clean.includes(MARK), `${name}: ${clean}`);
    assert.doesNotMatch(clean, /1(€|%e2|%25e2|\\u20ac)/i, `${name}: ${clean}`);
  }
});

test('a secret is found in base64 wherever it begins, also in base64url and in a URL', () => {
  const scrub = scrubber([awkward]);
  for (const before of ['', 'a', 'me:', 'user:', 'a longer name:']) {
    const bytes = Buffer.from(`${before}${awkward} and more`);
    for (const text of [
      bytes.toString('base64'),
      bytes.toString('base64url'),
      encodeURIComponent(bytes.toString('base64')),
    ]) {
      const left = Buffer.from(scrub(text).replace(MARK, '').replaceAll('%3D', ''), 'base64').toString();
      assert.ok(scrub(text).includes(MARK), text);
      assert.ok(!left.includes('ä\\s/s'), left);
    }
  }
});

test('what looks like a key of a known kind is taken out though nobody told of it', () => {
  const scrub = scrubber();
  const letters = 'AbCdEfGhIjKlMnOpQrStUvWxYz0123456789';
  for (const [text, clean] of [
    [`POST /bot123456789:${letters.slice(0, 35)}/getMe`, `POST /bot${MARK}/getMe`],
    [`bot123456789%3A${letters.slice(0, 35)}`, `bot${MARK}`],
    [`key sk-ant-api03-${letters}_-x.`, `key ${MARK}.`],
    [`{"text":"key:\\nsk-ant-${letters}"}`, `{"text":"key:\\n${MARK}"}`],
    [`ghp_${letters} github_pat_${letters} gho_${letters}`, `${MARK} ${MARK} ${MARK}`],
    [`xoxb-${letters.slice(26)}-${letters}`, MARK],
    ['AKIAIOSFODNN7EXAMPLE', MARK],
    [`eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.${letters}`, MARK],
    ['["authorization","Bearer abc.def-123"]', `["authorization","Bearer ${MARK}"]`],
    ['postgres://me:hunter2@host/db', `postgres://${MARK}@host/db`],
    ['"https:\\/\\/me:hunter2@host"', `"https:\\/\\/${MARK}@host"`],
    ['https://host/a?x=1&access_token=hunter2&y=2', `https://host/a?x=1&access_token=${MARK}&y=2`],
    ['wss://host/?API_KEY=hunter2', `wss://host/?API_KEY=${MARK}`],
  ] as const) {
    assert.equal(scrub(text), clean);
    assert.equal(scrub(clean), clean, 'a second pass changes nothing');
  }
});

test('ordinary text stays as it is', () => {
  const scrub = scrubber(['correct horse battery', 'short', '']);
  for (const text of [
    'task-management-for-disk-maintenance-windows',
    '{"time":"2026-08-01T14:00:00.000Z","pid":123456,"tokens":1234567890,"event":"turn.finished"}',
    'https://example.org/path?page=2#top, mail me@example.org',
    'bearer of bad news; a short horse',
    '018f4e6a-7c1d-7abc-8def-0123456789ab sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  ]) {
    assert.equal(scrub(text), text);
  }
});

test('a secret that begins with another one leaves nothing behind', () => {
  assert.equal(scrubber(['hunter2', 'hunter2-and-more'])('hunter2-and-more hunter2'), `${MARK} ${MARK}`);
});

test('secrets may be added later', () => {
  const scrub = scrubber();
  assert.equal(scrub('it is hunter2'), 'it is hunter2');
  scrub.add(['hunter2\n', 'tiny']);
  assert.equal(scrub('it is hunter2, tiny'), `it is ${MARK}, tiny`);
});

test('five characters are no secret, six are', () => {
  const scrub = scrubber(['12345', 'abcdef']);
  assert.equal(scrub('12345 abcdef'), `12345 ${MARK}`);
});

test('scrubbed JSON is still JSON, though a secret may seem to begin inside an escape', () => {
  const scrub = scrubber(['nabcdef', 'u0041bcd', '"quoted', '\\windows', 'trailing\\']);
  for (const value of [
    '\nabcdef',
    'C:\\nabcdef',
    '\u0001"quoted"',
    '\\\\windows\\',
    'trailing\\\n',
    '\\u0041bcd',
  ]) {
    const json = JSON.stringify({ [value]: [value, JSON.stringify(value)], rest: 1 });
    assert.equal(JSON.parse(scrub(json)).rest, 1);
  }
});

test('no text is doubled in length', () => {
  const scrub = scrubber(['abcdef', 'nabcde']);
  for (const piece of [
    'abcdef',
    '\\nabcde',
    Buffer.from('abcdef').toString('base64url'),
    '://me:pwd@',
    '?key=1234',
    'bearer 123456',
  ]) {
    const text = piece.repeat(100);
    assert.notEqual(scrub(text), text);
    assert.ok(scrub(text).length < 2 * text.length, piece);
  }
});

test('no text takes long, however it was made', () => {
  const scrub = scrubber(['"quoted', '\\windows', ' spaced out', '%percent']);
  for (const piece of [
    '\\',
    '1',
    'eyJ',
    'eyJ-',
    'eyJaaaaaaaaaa.',
    '?',
    '?key',
    '://',
    'bearer ',
    '\\nsk-',
    '%25',
    '"',
  ]) {
    const text = piece.repeat((256 * 1024) / piece.length);
    const started = performance.now();
    scrub(text);
    const took_ms = performance.now() - started;
    assert.ok(took_ms < 1000, `256 KB of ${piece} took ${took_ms} ms`);
  }
});
