/** The service as it runs: a real process, a real store, real requests. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { systemClock } from '#shared/base/clock.ts';
import { uuid } from '#shared/base/ids.ts';
import { defaultConfig } from '#shared/runtime/config.ts';
import { halt } from '#shared/runtime/halt.ts';
import { FILE, openStore } from '#shared/store/store.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as presence from '#shared/tables/presence.ts';
import { buildHouse, type House, type HouseOptions } from '#shared/testing/house.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { config } from './config.ts';
import type { Health } from './health.ts';
import { look } from './presence.ts';

async function built(t: TestContext, options: HouseOptions = {}): Promise<House> {
  const house = await buildHouse(options);
  t.after(() => house.close());
  return house;
}

type Answer = { status: number; headers: Record<string, unknown>; body: string };

async function ask(
  house: House,
  path: string,
  how: { method?: string; host?: string } = {},
): Promise<Answer> {
  const { method = 'GET', host = `127.0.0.1:${house.port + 4}` } = how;
  const asking = request({ port: house.port + 4, host: '127.0.0.1', path, method, headers: { host } });
  asking.end();
  const [incoming] = await once(asking, 'response');
  let body = '';
  for await (const chunk of incoming.setEncoding('utf8')) body += chunk;
  return { status: incoming.statusCode, headers: incoming.headers, body };
}

async function health(house: House): Promise<{ status: number; told: Health }> {
  const { status, body } = await ask(house, '/health');
  return { status, told: JSON.parse(body) };
}

/** Writes as all the others together, past the guard. */
function worldOf(t: TestContext, house: House): Database.Database {
  const world = new Database(join(house.home.state, FILE), { timeout: 5000 });
  t.after(() => world.close());
  return world;
}

function calls(world: Database.Database, count: number): void {
  const put = world.prepare(
    `INSERT INTO call (id, caller, provider, target, model, stream, state, owner, opened_at, closed_at, outcome, input_tokens,
      output_tokens, cost_nanousd, latency_ms, first_byte_ms) VALUES (?, 'c', 'p', 'p/m', 'm', 1, 'settled', 'o', 1, ?, 'ok', 10, 3, 1000, 700, 90)`,
  );
  world.transaction(() => {
    for (let n = 0; n < count; n++) put.run(uuid(Date.now()), Date.now());
  })();
}

const countedIn = (text: string) =>
  Number(/^agent_requests_total\{model="m",status="ok"\} (\d+)$/m.exec(text)?.[1] ?? 0);

test('what is counted survives kills in the middle of counting, and is scraped meanwhile', async (t) => {
  const house = await built(t);
  let service = await house.serve('metrics');
  const world = worldOf(t, house);
  let most = 0;
  for (let round = 0; round < 3; round++) {
    calls(world, 4000);
    const seen = (await Promise.all([0, 1, 2].map(() => ask(house, '/metrics')))).map(({ body }) =>
      countedIn(body),
    );
    for (const count of seen)
      assert.ok(count >= most && count <= 4000 * (round + 1), `${count} after ${most}`);
    most = Math.max(...seen);
    service.child.kill('SIGKILL');
    await service.exit;
    service = await house.serve('metrics');
  }
  await until('all is counted', async () => countedIn((await ask(house, '/metrics')).body) === 12_000);
  const { body, headers } = await ask(house, '/metrics');
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.match(body, /^agent_tokens_total\{model="m",direction="input"\} 120000$/m);
  assert.match(body, /^agent_request_duration_seconds_bucket\{model="m",le="0.5"\} 0$/m);
  assert.match(body, /^agent_request_duration_seconds_bucket\{model="m",le="1"\} 12000$/m);
  assert.match(body, /^agent_service_restarts_total\{service="metrics"\} 3$/m);
  assert.match(body, /^agent_service_up\{service="metrics"\} 1$/m);
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
  if (checked.error) t.diagnostic('promtool is not installed');
  else assert.equal(`${checked.stdout}${checked.stderr}`, '');
  assert.equal(await service.stop(), 143);
});

test('it is there for programs of this machine, to be read and nothing else', async (t) => {
  const house = await built(t);
  await house.serve('metrics');
  assert.equal((await ask(house, '/metrics', { host: `localhost:${house.port + 4}` })).status, 200);
  assert.equal((await ask(house, '/metrics', { host: '127.0.0.1' })).status, 200);
  for (const host of ['evil.test', '127.0.0.1.evil.test', 'localhost.evil.test:80', '127.0.0.1@evil.test']) {
    assert.equal((await ask(house, '/metrics', { host })).status, 421, host);
  }
  const head = await ask(house, '/metrics', { method: 'HEAD' });
  assert.deepEqual([head.status, head.body], [200, '']);
  assert.ok(Number(head.headers['content-length']) > 1000);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const { status, headers } = await ask(house, '/metrics', { method });
    assert.deepEqual([status, headers.allow], [405, 'GET, HEAD'], method);
    assert.equal(headers['access-control-allow-origin'], undefined);
  }
  assert.equal((await ask(house, '/')).status, 404);
  assert.equal((await ask(house, '/metrics/../health/live')).status, 404);
});

test('alone it is alive, and says that nobody is answered', async (t) => {
  const house = await built(t, { telegram: false });
  await house.serve('metrics');
  assert.equal((await ask(house, '/health/live')).status, 200);
  assert.equal((await ask(house, '/health/ready')).status, 503);
  const { status, told } = await health(house);
  assert.equal(status, 503);
  assert.equal(told.status, 'unhealthy');
  assert.equal(told.checks.core?.status, 'unhealthy');
  assert.equal(told.checks.store?.status, 'healthy');
  assert.equal(told.checks.bridge?.status, 'off');
  assert.equal(told.last_inference_age_s, null);
});

test('a store that cannot be written is unhealthy, though it can be read, and is well again after', async (t) => {
  const house = await built(t);
  await house.serve('metrics');
  const world = worldOf(t, house);
  world.exec('BEGIN IMMEDIATE');
  const locked = await health(house);
  assert.equal(locked.status, 503);
  assert.match(locked.told.checks.store?.detail ?? '', /cannot be written: no answer within 2 s/);
  assert.equal((await ask(house, '/health/live')).status, 200);
  assert.equal((await ask(house, '/metrics')).status, 200, 'what is counted already is told');
  world.exec('COMMIT');
  await until('it is well again', async () => (await health(house)).told.checks.store?.status === 'healthy');
});

test('a whole house is healthy and ready, and one that is halted is neither dead nor ready', async (t) => {
  const house = await built(t);
  await house.start();
  const well = await until('it is healthy', async () => {
    const found = await health(house);
    return found.told.status === 'healthy' && found;
  });
  assert.equal(well.status, 200);
  assert.equal(well.told.ready, true);
  assert.ok(well.told.services.every(({ state }) => state === 'up'));
  assert.equal((await ask(house, '/health/ready')).status, 200);
  const began = performance.now();
  for (let n = 0; n < 20; n++) await health(house);
  t.diagnostic(`20 looks in ${Math.round(performance.now() - began)} ms`);
  assert.ok(!(await ask(house, '/health')).body.includes(house.home.directory), 'it names no place');

  halt(house.home.halted, 'a test');
  const stopped = await until('it says that it is halted', async () => {
    const found = await health(house);
    return found.told.checks.halt?.status === 'degraded' && found;
  });
  assert.equal(stopped.status, 200);
  assert.equal(stopped.told.ready, false);
  assert.equal((await ask(house, '/health/ready')).status, 503);
  assert.match((await ask(house, '/metrics')).body, /^agent_halted 1$/m);
});

test('a port that is taken keeps it down, and it says how to mend that', async (t) => {
  const house = await built(t);
  const other = createServer().listen(house.port + 4, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const service = await house.serve('metrics');
  assert.equal(await service.exit, 78);
  assert.match(service.output(), /taken by another program/);
  assert.match(service.output(), /choose another port/);
});

test('each look adds to its five minutes who was up, and the most that it took', async (t) => {
  const directory = scratch(t);
  const store = await openStore({ directory, principal: 'metrics' });
  t.after(() => store.close());
  const house = await built(t);
  let now = presence.SLOT_ms * 1_000_000;
  const { shared } = defaultConfig({ name: 'metrics', section: config });
  const ctx = {
    store,
    home: house.home,
    shared,
    halt: { on: () => false, onChange() {}, close() {} },
    clock: { ...systemClock, now: () => now },
  };
  const beat = {
    ...{
      service: 'metrics',
      worker: 0,
      pid: 1,
      instance: 'i',
      boot_id: 'b',
      version: '1',
      phase: 'ready' as const,
    },
    ...{ doing: '', since_at: now, progressed_at: now, problem: null, rss_bytes: 100, loop_delay_ms: 5 },
  };
  await store.commit([heartbeat.beat({ ...beat, beat_at: now })]);
  await look(ctx, 0);
  await store.commit([heartbeat.beat({ ...beat, beat_at: now, rss_bytes: 70, loop_delay_ms: 9 })]);
  await look(ctx, 0);
  now += 60_000;
  await look(ctx, 0);
  now += presence.SLOT_ms - 60_000;
  await look(ctx, 0);
  const rows = (await store.read(presence.since(0))).filter(({ service }) => service === 'metrics');
  assert.deepEqual(
    rows.map(({ looks, up, rss_bytes, delay_ms }) => ({ looks, up, rss_bytes, delay_ms })),
    [
      { looks: 3, up: 2, rss_bytes: 100, delay_ms: 9 },
      { looks: 1, up: 0, rss_bytes: 0, delay_ms: 0 },
    ],
  );
});
