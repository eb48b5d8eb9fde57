import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, request } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { systemClock } from '#shared/base/clock.ts';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore } from '#shared/store/store.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { openDoor } from './door.ts';
import { openEgress } from './egress.ts';

async function world(t: TestContext, serve: RequestListener) {
  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  const left = join(home.state, 'run', 'egress-left.sock');
  writeFileSync(left, '');
  const store = await openStore({ directory: home.state, principal: 'tools', flush: 'normal' });
  t.after(() => store.close());
  const egress = openEgress({ home, store, clock: systemClock, log: { warn: assert.fail } });
  t.after(() => egress.close());
  const usual = {
    hosts: [],
    private: ['localhost', '127.0.0.1'],
    signal: AbortSignal.timeout(10_000),
    most_bytes: 1e6,
  };
  return { port, home, store, egress, usual, url: `http://127.0.0.1:${port}` };
}

test('what is fetched comes unpacked, with the address that it came from in the end', async (t) => {
  const { egress, usual, url, home } = await world(t, (asked, answer) => {
    if (asked.url === '/') answer.writeHead(302, { location: '/page' }).end();
    else
      answer.setHeader('content-encoding', 'gzip').end(gzipSync(`${asked.method} ${asked.headers['x-key']}`));
  });
  const found = await egress.fetch(url, { ...usual, headers: { 'X-Key': 'k' } });
  assert.deepEqual([found.status, found.url, found.redirected], [200, `${url}/page`, true]);
  assert.equal(await found.text(), 'GET k');
  assert.deepEqual(
    readdirSync(join(home.state, 'run')).filter((name) => name.startsWith('egress')),
    [],
  );
});

test('a body ends where it was told to, however small it was packed', async (t) => {
  const { egress, usual, url } = await world(t, (_, answer) =>
    answer.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(50_000_000))),
  );
  const at = async (most_bytes: number) =>
    (await (await egress.fetch(url, { ...usual, most_bytes })).arrayBuffer()).byteLength;
  assert.equal(await at(1000), 1000);
  assert.equal(await at(50_000_001), 50_000_000);
});

test('a redirect is judged as the first address was, and is not shown the keys of another host', async (t) => {
  const { egress, usual, url, port } = await world(t, (asked, answer) => {
    const to = asked.url === '/local' ? `http://localhost:${port}/seen` : 'http://169.254.169.254/secrets';
    if (asked.url === '/seen') answer.end(JSON.stringify(asked.headers));
    else answer.writeHead(307, { location: to }).end();
  });
  const headers = { authorization: 'Bearer secret', 'x-key': 'secret', accept: 'text/html' };
  const seen = await (await egress.fetch(`${url}/local`, { ...usual, headers })).text();
  assert.doesNotMatch(seen, /secret/);
  assert.match(seen, /text\/html/);
  await assert.rejects(
    egress.fetch(`${url}/cloud`, usual),
    /169\.254\.169\.254 is not among the allowed hosts/,
  );
  await assert.rejects(
    egress.fetch(`${url}/cloud`, { ...usual, hosts: ['*'] }),
    /169\.254\.169\.254 is at a private address/,
  );
  const posted = { ...usual, method: 'POST', body: 'words' };
  await assert.rejects(egress.fetch(`${url}/local`, posted), /redirect to another host/);
});

test('an endless redirect ends, and so does what is not of the web', async (t) => {
  const { egress, usual, url } = await world(t, (_, answer) =>
    answer.writeHead(302, { location: '/' }).end(),
  );
  await assert.rejects(egress.fetch(url, usual), /redirects more than 10 times/);
  await assert.rejects(egress.fetch('file:///etc/passwd', usual), /is not http or https/);
  await assert.rejects(
    egress.fetch('http://me:secret@127.0.0.1/', usual),
    (error: Error) => !/secret/.test(error.message),
  );
});

test('what was asked of the outside is on record, also when it was refused', async (t) => {
  const { egress, usual, url, port, store } = await world(t, (_, answer) => answer.writeHead(404).end());
  await egress.fetch(url, {
    ...usual,
    behalf: { action: 'fetch_url', payload: 'tool_call 1', turn_id: null },
  });
  await assert.rejects(egress.fetch('http://10.1.2.3/', { ...usual, hosts: ['*'] }));
  const rows = await until('both are there', async () => {
    const sql = 'SELECT action, target, status FROM external_call ORDER BY rowid';
    const found = await store.read<object>({ verb: 'test', sql, args: [] });
    return found.length === 2 ? found : null;
  });
  assert.deepEqual(rows, [
    { action: 'fetch_url', target: `127.0.0.1:${port}`, status: '404' },
    { action: 'fetch', target: '10.1.2.3:80', status: 'refused' },
  ]);
});

test('a door on a port opens to its own secret only', async (t) => {
  const { port, url } = await world(t, (asked, answer) =>
    answer.end(`${asked.headers['proxy-authorization']}`),
  );
  const door = await openDoor(null, { hosts: [], lan: ['127.0.0.1'] }, () => {});
  t.after(() => door.close());
  assert.ok('port' in door.at);
  const { port: at, secret } = door.at;
  const through = async (headers: { [name: string]: string }) => {
    const asked = request({ host: '127.0.0.1', port: at, path: url, headers, agent: false }).end();
    const [answer] = await once(asked, 'response');
    let body = '';
    for await (const part of answer) body += part;
    return [answer.statusCode, body];
  };
  const key = (word: string) => ({ 'proxy-authorization': `Basic ${btoa(`vigil:${word}`)}` });
  assert.deepEqual(await through(key(secret)), [200, 'undefined']);
  assert.equal((await through({}))[0], 403);
  assert.equal((await through(key('guess')))[0], 403);
  const tunnel = request({
    host: '127.0.0.1',
    port: at,
    method: 'CONNECT',
    path: `127.0.0.1:${port}`,
    agent: false,
  }).end();
  const [refused] = await once(tunnel, 'connect');
  assert.equal(refused.statusCode, 403);
});
