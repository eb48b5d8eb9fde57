/** Bad days of everything outside: the service goes on, stays small, and says of each what is to be said, once. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { run } from '#shared/runtime/service.ts';
import { holdWrites } from '#shared/store/hold.ts';
import { FILE } from '#shared/store/store.ts';
import type { Finding } from '#shared/tables/finding.ts';
import type { Heartbeat } from '#shared/tables/heartbeat.ts';
import type { Probe } from '#shared/tables/probe.ts';
import * as probe_request from '#shared/tables/probe_request.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { stress } from '#shared/testing/stress.ts';
import { upstream } from './service.ts';

stress(upstream);

const HOUR_ms = 3_600_000;

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
}

async function houseOf(t: TestContext, root: string, more = ''): Promise<House> {
  const config = `[upstream]
every_s = 1
again_s = 1
network_url = "${root}/204"
anthropic_url = "${root}"
telegram_url = "${root}/telegram"
status_pages = { anthropic = "${root}/status" }
advisories_url = "${root}/advisories"
${more}`;
  const house = await buildHouse({ config });
  t.after(() => house.close());
  return house;
}

const probes = async (house: House) =>
  new Map((await house.read<Probe>('SELECT * FROM probe')).map((one) => [one.watch, one]));
const findings = (house: House) => house.read<Finding>('SELECT * FROM finding ORDER BY id');
const count = async (house: House, sql: string) =>
  (await house.read<{ n: number }>(`SELECT count(*) AS n FROM ${sql}`))[0]?.n;
const beat = async (house: House) =>
  (await house.read<Heartbeat>(`SELECT * FROM heartbeat WHERE service = 'upstream'`))[0];

/** Writes until nobody takes it. */
function endless(response: ServerResponse): void {
  const more = () => {
    while (response.write(Buffer.alloc(65_536, 'a')));
  };
  response.on('drain', more);
  more();
}

test('endless feeds, bombs, drips, circles, errors and names that are not there, all at once, are noted and no more', async (t) => {
  const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20));
  const drips: NodeJS.Timeout[] = [];
  t.after(() => drips.forEach(clearInterval));
  const root = await serve(t, (request, response) => {
    const path = request.url ?? '';
    if (path === '/204') response.writeHead(204).end();
    else if (path === '/status') response.end('{"page":{},"health":"good"}');
    else if (path === '/advisories') response.writeHead(500).end('oops');
    else if (path === '/endless') endless(response.setHeader('content-type', 'application/rss+xml'));
    else if (path === '/bomb') response.setHeader('content-encoding', 'gzip').end(bomb);
    else if (path === '/drip') drips.push(setInterval(() => response.write('<rss>'), 20));
    else if (path === '/deep') response.end('['.repeat(500_000));
    else if (path.startsWith('/circle')) response.writeHead(302, { location: `/circle${path.length}` }).end();
    else response.writeHead(401).end();
  });
  const pages = ['endless', 'bomb', 'drip', 'deep', 'circle'].map(
    (name) => `[upstream.pages.${name}]\nurl = "${root}/${name}"\nwhen = "new items"`,
  );
  pages.push('[upstream.pages.gone]\nurl = "http://nowhere.invalid/feed"');
  const house = await houseOf(t, root, pages.join('\n'));
  const { child } = await house.serve('upstream');
  const failed = async () => {
    const all = [...(await probes(house)).values()];
    return all.filter(({ error }) => error !== null).map(({ watch, error }) => [watch, error]);
  };
  await until('all have failed', async () => (await failed()).length === 8);
  const errors = Object.fromEntries(await failed());
  const { 'page gone': gone, 'page bomb': bombed, ...others } = errors;
  assert.match(gone, /its name cannot be found|no name can be looked up/);
  assert.match(bombed, /^its answer, packed as gzip, .* longer than 1 MB/);
  assert.deepEqual(others, {
    'page endless': 'it is no RSS, Atom or JSON feed',
    'page drip': 'it does not answer',
    'page deep': 'it is no RSS, Atom or JSON feed',
    'page circle': 'it redirects more than 5 times',
    'status anthropic': 'it answers what cannot be understood',
    advisories: 'HTTP 500',
  });
  const { pid, rss_bytes = 0, loop_delay_ms = 0 } = (await beat(house)) ?? {};
  assert.equal(pid, child.pid);
  assert.ok(rss_bytes < 250e6 && loop_delay_ms < 3000, `${rss_bytes} bytes, ${loop_delay_ms} ms`);
  assert.deepEqual(await findings(house), []);
  assert.equal(await count(house, 'outbound'), 0);
});

test('behind a proxy that takes everything and answers nothing, the network is what is away', async (t) => {
  const root = await serve(t, (_request, response) => response.writeHead(204).end());
  const proxy = await serve(t, () => {});
  const only = `watch = ["network"]\nproxy = "${proxy}"\nno_proxy = ""`;
  const house = await houseOf(t, root, only);
  await house.serve('upstream');
  const [found] = await until('it is found', async () => {
    const all = await findings(house);
    return all.length > 0 && all;
  });
  assert.match(found?.text ?? '', /^The network does not lead outside: it does not answer\./);
});

test('a week without a network is told once, and so is its end; nobody hears of old pages', async (t) => {
  let cut = false;
  const root = await serve(t, (request, response) => {
    if (cut) request.socket.destroy();
    else if (request.url === '/204') response.writeHead(204).end();
    else response.writeHead(401).end();
  });
  const house = await houseOf(t, root, `[upstream.pages.mine]\nurl = "${root}/mine"\nevery_minutes = 1`);
  let ahead_ms = 0;
  const clock = { now: () => Date.now() + ahead_ms, mono: () => performance.now() };
  await house.store();
  const running = run(upstream, { home: house.home, clock, console: 'off', beat_ms: 50 });
  t.after(() => running.stop());
  await running.ready;
  const looks = async (watch: string) => (await probes(house)).get(watch)?.looks ?? 0;
  await until('it has looked', async () => (await looks('telegram')) > 1);
  cut = true;
  await until('it is found', async () => (await findings(house)).length > 0);
  const failures = async (watch: string) => (await probes(house)).get(watch)?.failures ?? 0;
  for (const watch of ['telegram', 'provider anthropic'])
    await until('nobody is there', async () => (await failures(watch)) > 1);
  const pages = await looks('page mine');
  for (let day = 0; day < 7; day++) {
    const before = await looks('network');
    ahead_ms += 24 * HOUR_ms;
    await until('it looks again', async () => (await looks('network')) > before + 1);
  }
  assert.equal(await looks('page mine'), pages, 'pages wait for the network');
  assert.equal((await findings(house))[0]?.over_at, null);
  cut = false;
  await until('it is over', async () => (await findings(house)).every(({ over_at }) => over_at !== null));
  assert.deepEqual(
    (await findings(house)).map(({ cause }) => cause),
    ['network'],
  );
  assert.equal(await count(house, 'incident'), 1);
  assert.equal(await count(house, 'outbound'), 0);
});

test('where the clock was ahead by a year, an outage is found as soon as ever', async (t) => {
  let cut = false;
  const root = await serve(t, (_request, response) => {
    if (cut) response.socket?.destroy();
    else response.writeHead(204).end();
  });
  const house = await houseOf(t, root);
  let ahead_ms = 365 * 24 * HOUR_ms;
  const clock = { now: () => Date.now() + ahead_ms, mono: () => performance.now() };
  await house.store();
  const running = run(upstream, { home: house.home, clock, console: 'off', beat_ms: 50 });
  t.after(() => running.stop());
  await running.ready;
  const ok = async () => (await probes(house)).get('telegram')?.ok_at ?? 0;
  await until('it has looked', async () => (await ok()) > Date.now());
  ahead_ms = 0;
  await until('it knows the time', async () => (await ok()) > 0 && (await ok()) <= Date.now());
  cut = true;
  await until('it is found', async () =>
    (await findings(house)).some(({ cause, over_at }) => cause === 'network' && over_at === null),
  );
});

test('dead between finding and telling, it tells when it is back, once; and again dead after that, never more', async (t) => {
  const root = await serve(t, (_request, response) => response.writeHead(204).end());
  const house = await houseOf(t, root, 'watch = ["network"]');
  await house.store();
  const raw = new Database(join(house.home.state, FILE));
  const found = raw.prepare(
    `INSERT INTO finding (cause, kind, severity, text, first_seen_at, last_seen_at) VALUES (?, 'news', 'info', ?, 1, 1)`,
  );
  for (const name of ['a', 'b']) found.run(`page ${name} 1`, `${name} has changed`);
  raw.close();
  for (let lives = 0; lives < 3; lives++) {
    const service = await house.serve('upstream');
    await until('it is settled', async () => (await findings(house)).every(({ told_at }) => told_at));
    service.child.kill('SIGKILL');
    await service.exit;
  }
  const told = await house.read<{ text: string }>('SELECT text FROM outbound');
  assert.deepEqual(
    told.map(({ text }) => text),
    ['ℹ️ a has changed\n\nb has changed'],
  );
});

test('a feed that forgets its newest release and finds it again tells it once', async (t) => {
  let version = '99.0.0';
  const root = await serve(t, (request, response) => {
    if (request.url === '/release') response.end(JSON.stringify({ version }));
    else response.writeHead(204).end();
  });
  const house = await houseOf(t, root, `watch = ["releases"]\nreleases_url = "${root}/release"`);
  await house.serve('upstream');
  const lasting = () => count(house, 'finding WHERE over_at IS NULL');
  const ask = async () => {
    const request = probe_request.ask({ watch: 'releases', asked_by: 'test', asked_at: Date.now() });
    await (await house.store()).commit([request]);
  };
  await until('it is told', async () => (await count(house, 'outbound')) === 1);
  for (let times = 0; times < 2; times++) {
    version = '0.0.1';
    await ask();
    await until('it is over', async () => (await lasting()) === 0);
    version = '99.0.0';
    await ask();
    await until('it is back', async () => (await lasting()) === 1);
  }
  assert.equal(await count(house, 'finding WHERE told_at IS NULL'), 0);
  assert.equal(await count(house, 'outbound'), 1);
});

test('a store that nobody can write for a while loses no finding', async (t) => {
  let cut = false;
  const root = await serve(t, (_request, response) => {
    if (cut) response.socket?.destroy();
    else response.writeHead(204).end();
  });
  const house = await houseOf(t, root);
  const { child } = await house.serve('upstream');
  await until('it has looked', async () => ((await probes(house)).get('telegram')?.looks ?? 0) > 0);
  const release = holdWrites(join(house.home.state, FILE));
  cut = true;
  await new Promise((resolve) => setTimeout(resolve, 3000));
  release();
  await until('it is found', async () => (await findings(house)).length > 0);
  assert.equal((await beat(house))?.pid, child.pid);
  assert.deepEqual(
    (await findings(house)).map(({ cause }) => cause),
    ['network'],
  );
});
