/** Which requests are heard at all, by what browsers say of themselves. */

import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import { gate } from './gate.ts';

const HOME = '127.0.0.1:4180';
const ours = { port: 4180, hosts: ['box.example.ts.net'] };

function heard(method: string, headers: IncomingHttpHeaders): number | string {
  const verdict = gate({ method, headers: { host: HOME, ...headers } }, ours);
  return typeof verdict === 'string' ? verdict : verdict.refuse;
}

test('a name that leads here is no reason to answer: whole hosts are compared', () => {
  const foreign = [
    'evil.test',
    'evil.test:4180',
    '127.0.0.1.evil.test:4180',
    '127.0.0.1:41800',
    '127.0.0.1:4181',
    '127.0.0.1',
    '127.1:4180',
    '[::1]:4180',
    '0.0.0.0:4180',
    'localhost.:4180',
    'LOCALHOST:4180',
    'box.example.ts.net.evil.test',
    'box.example.ts.net:4180',
    '',
  ];
  for (const host of foreign) assert.equal(heard('GET', { host }), 421, host);
  assert.equal(heard('GET', {}), 'pass');
  assert.equal(heard('GET', { host: 'box.example.ts.net' }), 'pass');
});

test('localhost is led to 127.0.0.1, for what listens at [::1] may be another program', () => {
  assert.equal(heard('GET', { host: 'localhost:4180' }), 'elsewhere');
  assert.equal(heard('POST', { host: 'localhost:4180', origin: 'http://localhost:4180' }), 421);
});

test('what changes something must come from a page of the console', () => {
  const origin = `http://${HOME}`;
  assert.equal(heard('POST', { origin, 'sec-fetch-site': 'same-origin' }), 'pass');
  assert.equal(heard('POST', { origin }), 'pass', 'a browser from before Fetch Metadata');
  const refused: IncomingHttpHeaders[] = [
    {},
    { 'sec-fetch-site': 'same-origin' },
    { origin: 'null', 'sec-fetch-site': 'same-origin' },
    { origin: 'null' },
    { origin: 'http://evil.test', 'sec-fetch-site': 'cross-site' },
    { origin: 'http://evil.test', 'sec-fetch-site': 'same-origin' },
    { origin: 'http://127.0.0.1:8080', 'sec-fetch-site': 'same-site' },
    { origin: `https://${HOME}` },
    { origin: `${origin}.evil.test` },
    { origin: 'http://localhost:4180' },
    { origin: '' },
    { origin, 'sec-fetch-site': 'same-site' },
    { origin, 'sec-fetch-site': 'cross-site' },
    { origin, 'sec-fetch-site': 'none' },
  ];
  for (const headers of refused) assert.equal(heard('POST', headers), 403, JSON.stringify(headers));
  const tunnel = { host: 'box.example.ts.net', 'sec-fetch-site': 'same-origin' } as const;
  assert.equal(heard('POST', { ...tunnel, origin: 'https://box.example.ts.net' }), 'pass');
  assert.equal(heard('POST', { ...tunnel, origin: `http://${HOME}` }), 403);
});

test('another page may lead here, and neither look, listen nor frame', () => {
  const site = 'same-site';
  const led = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' } as const;
  assert.equal(heard('GET', led), 'pass');
  assert.equal(heard('GET', { ...led, 'sec-fetch-site': 'cross-site' }), 'pass');
  assert.equal(heard('GET', { ...led, 'sec-fetch-dest': 'iframe' }), 403);
  assert.equal(heard('GET', { ...led, 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }), 403);
  assert.equal(heard('GET', { ...led, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }), 403);
  assert.equal(heard('GET', { origin: 'http://127.0.0.1:8080' }), 403);
});

test('nothing but reading and forms', () => {
  const origin = `http://${HOME}`;
  for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'BREW']) {
    assert.equal(heard(method, { origin, 'sec-fetch-site': 'same-origin' }), 405, method);
  }
  assert.equal(heard('HEAD', {}), 'pass');
});
