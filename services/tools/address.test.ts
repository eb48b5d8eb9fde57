import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPublic, names, ownAmong, plain, Refused, wayTo } from './address.ts';

test('addresses of this machine, its networks and its cloud are not of the open internet', () => {
  const closed = `127.0.0.1 127.255.255.254 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1
    100.127.255.255 100.100.100.200 168.63.129.16 192.0.0.192 224.0.0.1 255.255.255.255 240.0.0.1 198.18.0.1 ::1 :: fe80::1
    fc00::1 fd00:ec2::254 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:a9fe:a9fe 64:ff9b::7f00:1 2002:7f00:1::
    2001:db8::1 not-an-address`;
  for (const address of closed.split(/\s+/)) assert.equal(isPublic(address), false, address);
  const open = '1.1.1.1 172.15.255.255 172.32.0.0 100.63.255.255 100.128.0.0 2606:4700::1111 ::ffff:1.1.1.1';
  for (const address of open.split(' ')) assert.equal(isPublic(address), true, address);
});

test('a pattern names a host, its subdomains, a port, or all', () => {
  const rows: [string, string, number, boolean][] = [
    ['example.com', 'example.com', 443, true],
    ['example.com', 'EXAMPLE.com.', 80, true],
    ['Example.com.', 'example.com', 80, true],
    ['example.com', 'a.example.com', 443, false],
    ['example.com', 'badexample.com', 443, false],
    ['example.com', 'example.com.evil.net', 443, false],
    ['*.example.com', 'a.b.example.com', 443, true],
    ['*.example.com', 'example.com', 443, false],
    ['*.example.com', 'badexample.com', 443, false],
    ['example.com:8443', 'example.com', 8443, true],
    ['example.com:8443', 'example.com', 443, false],
    ['*', 'anything.net', 22, true],
    ['[::1]:80', '::1', 80, true],
    ['::1', '::1', 80, true],
    ['', 'example.com', 80, false],
  ];
  for (const [pattern, host, port, expected] of rows) {
    assert.equal(names([pattern], plain(host), port), expected, `${pattern} ~ ${host}:${port}`);
  }
  assert.equal(names([], 'example.com', 80), false);
});

test('a number that the system would read as an address of this machine is refused as one', async () => {
  for (const host of ['2130706433', '127.1', '0x7f000001', '0', 'localhost']) {
    await assert.rejects(wayTo(host, 80, { hosts: ['*'], lan: [] }), Refused, host);
  }
});

test('a connection is made to the address that was judged, whatever the name means by then', async () => {
  const lookup = await wayTo('localhost', 80, { hosts: [], lan: ['localhost'] });
  const found = await new Promise((resolve) =>
    lookup('elsewhere.test', { all: true }, (_, list) => resolve(list)),
  );
  assert.ok(Array.isArray(found) && found.every(({ address }) => ['127.0.0.1', '::1'].includes(address)));
});

test('a host of the own network is open to whoever was allowed that host, and to nobody else', () => {
  const own = ['nas.local', '192.168.1.5'];
  assert.deepEqual(ownAmong(own, ['example.com', 'nas.local']), ['nas.local']);
  assert.deepEqual(ownAmong(own, ['*.local']), ['nas.local']);
  assert.deepEqual(ownAmong(own, ['example.com']), []);
  assert.deepEqual(ownAmong([], ['nas.local']), []);
});
