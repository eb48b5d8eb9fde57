import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import type { Context } from '#shared/runtime/context.ts';
import { holdWrites } from '#shared/store/hold.ts';
import { FILE, openStore } from '#shared/store/store.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as incident from '#shared/tables/incident.ts';
import * as silence from '#shared/tables/silence.ts';
import { freeze } from '#shared/testing/freeze.ts';
import { buildHouse } from '#shared/testing/house.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import type { Config } from './config.ts';
import { ping, type Rounds } from './ping.ts';

type Ping = { method: string; path: string; body: string };

/** Whoever listens outside; `status` is what it answers. */
async function listener(t: TestContext) {
  const heard: Ping[] = [];
  const answers = { status: 200 };
  const server = createServer(async (request, response) => {
    heard.push({ method: request.method ?? '', path: request.url ?? '', body: await text(request) });
    response.writeHead(answers.status).end('OK');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return { heard, answers, url: `http://127.0.0.1:${port}/a-secret` };
}

/** The step by itself, with a clock that is set. */
async function stepOf(t: TestContext, config: Partial<Config>) {
  const store = await openStore({ directory: scratch(t), principal: 'alerts', flush: 'normal' });
  t.after(() => store.close());
  const router = await openStore({ directory: join(store.file, '..'), principal: 'router', flush: 'normal' });
  t.after(() => router.close());
  const world = { now: 1_800_000_000_000, mono: 0, problem: null as string | null, logged: [] as string[] };
  const clock = { now: () => world.now, mono: () => world.mono };
  const warn = (event: string, { error, why }: { error?: unknown; why?: string }) =>
    world.logged.push(`${event}: ${why ?? error}`);
  let step = async () => {};
  const rounds: Rounds = new Map([['tell', 0]]);
  const ctx = {
    config: { look_s: 5, ping_url: '', ping_s: 60, proxy: '', no_proxy: '', ...config },
    clock,
    store,
    log: { warn },
    external: (_target: string, _action: string, work: () => Promise<void>) => work(),
    every: (_name: string, _ms: number, work: () => Promise<void>) => {
      step = work;
    },
    problem: (what: string | null) => {
      world.problem = what;
    },
  };
  ping(ctx as unknown as Context<Config>, rounds);
  const others = ['alerts', 'watchdog'];
  async function beat(phase: heartbeat.Phase = 'ready', names = others) {
    for (const service of names) {
      const open =
        service === 'alerts'
          ? store
          : await openStore({ directory: join(store.file, '..'), principal: service });
      const row = { service, worker: 0, pid: 1, instance: 'i', boot_id: 'b', version: '1', phase, doing: '' };
      const times = { since_at: 1, progressed_at: 1, beat_at: world.now, rss_bytes: 1, loop_delay_ms: 0 };
      await open.commit([heartbeat.beat({ ...row, ...times, problem: null })]);
      if (open !== store) await open.close();
    }
  }
  /** So much later, all that beats has beaten, and all rounds are made. */
  async function after(s: number, beats = true) {
    world.mono += s * 1000;
    world.now += s * 1000;
    if (beats) {
      await beat();
      rounds.set('tell', world.mono);
    }
    await step();
  }
  return { world, after, beat, rounds, store, router, step: () => step() };
}

test('it pings as often as it is told to, and says what is wrong while that is critical', async (t) => {
  const { heard, url } = await listener(t);
  const { world, after, store, router } = await stepOf(t, { ping_url: `${url}?a=1` });
  await after(0);
  await after(59.9);
  assert.deepEqual(heard, [{ method: 'GET', path: '/a-secret?a=1', body: '' }]);
  await after(0.1);
  assert.equal(heard.length, 2);
  const opened = { service: 'router', now: world.now };
  await router.commit([
    incident.open({ ...opened, cause: 'a', severity: 'critical', text: 'The model is away: so it is.' }),
    incident.open({ ...opened, cause: 'b', severity: 'warning', text: 'Something else.' }),
  ]);
  await after(60);
  assert.deepEqual(heard[2], { method: 'POST', path: '/a-secret/fail?a=1', body: 'The model is away' });
  const silent = { cause: 'a', reason: null, given_by: 'me', now: world.now };
  await store.commit([silence.add({ ...silent, until_at: world.now + 3_600_000 })]);
  await after(60);
  assert.equal(heard[3]?.path, '/a-secret?a=1');
});

test('it says nothing while a beat is older than 15 s, a round does not end, or the store is locked', async (t) => {
  const { heard, url } = await listener(t);
  const { world, after, beat, rounds, store } = await stepOf(t, { ping_url: url });
  await after(0);
  await after(60);
  assert.equal(heard.length, 2);
  await beat();
  rounds.set('tell', world.mono + 60_000);
  await after(15, false);
  world.mono += 45_000;
  await after(0, false);
  assert.equal(heard.length, 3, 'a beat of 15 s ago is one');
  world.mono += 60_000;
  world.now += 1;
  rounds.set('tell', world.mono);
  await after(0, false);
  assert.equal(heard.length, 3, 'one from before is not');
  await beat();
  await beat('stopped', ['watchdog']);
  await after(0, false);
  assert.equal(heard.length, 3, 'nor is the last one of somebody who has stopped');
  await beat();
  rounds.set('tell', world.mono - 60_001);
  await after(0, false);
  assert.equal(heard.length, 3, 'the round is late');
  rounds.set('tell', world.mono - 60_000);
  await after(0, false);
  assert.equal(heard.length, 4);
  const release = holdWrites(store.file);
  try {
    world.mono += 60_000;
    rounds.set('tell', world.mono);
    await after(0, false);
    assert.equal(heard.length, 4, 'nothing can be written');
  } finally {
    release();
  }
  await after(0);
  assert.equal(heard.length, 5);
  assert.deepEqual(world.logged, [
    'ping.withheld: alerts shows no sign of life',
    'ping.withheld: watchdog shows no sign of life',
    "ping.withheld: the round 'tell' does not end",
    'ping.withheld: nothing any more',
    'ping.withheld: the store does not answer',
    'ping.withheld: nothing any more',
  ]);
});

test('a ping that fails is tried again soon, and is a problem after ten minutes, until it arrives', async (t) => {
  const { heard, answers, url } = await listener(t);
  const { world, after } = await stepOf(t, { ping_url: url });
  answers.status = 500;
  await after(0);
  await after(9.9);
  assert.equal(heard.length, 1);
  await after(0.1);
  assert.equal(heard.length, 2);
  await after(589.9);
  assert.equal(world.problem, null);
  await after(10);
  assert.match(world.problem ?? '', /^The ping to 127\.0\.0\.1:\d+ has failed for 10 min: .* answered 500$/);
  assert.doesNotMatch(`${world.problem} ${world.logged.join(' ')}`, /a-secret/);
  answers.status = 200;
  await after(10);
  assert.equal(world.problem, null);
  assert.equal(world.logged.length, 1);
});

test('it goes through a proxy, where one is set', async (t) => {
  const { heard, url } = await listener(t);
  const { after } = await stepOf(t, { ping_url: 'http://ping.example/a-secret', proxy: new URL(url).origin });
  await after(0);
  assert.equal(heard[0]?.path, 'http://ping.example/a-secret');
});

test('outside nothing is heard any more of a house whose store is locked, whose pinger hangs, or whose watchdog is dead', async (t) => {
  const { heard, url } = await listener(t);
  const house = await buildHouse({
    config: `[alerts]\nping_url = "${url}"\nping_s = 0.5\n[watchdog]\nlook_s = 0.3\n`,
  });
  t.after(() => house.close());
  const file = join(house.home.state, FILE);
  const { child } = await house.serve('alerts');
  const watchdog = await house.serve('watchdog');
  const goesOn = async () => {
    const before = heard.length;
    await until('it is heard again', () => heard.length > before + 1);
  };
  /** In so long nothing came. */
  const stops = async (within_ms: number) => {
    let last = { count: heard.length, at: performance.now() };
    const began = last.at;
    await until(
      'it has stopped',
      () => {
        const now = performance.now();
        if (heard.length > last.count) last = { count: heard.length, at: now };
        return now - last.at > 2_500;
      },
      within_ms + 2_500,
    );
    return last.at - began;
  };
  await goesOn();
  const release = holdWrites(file);
  assert.ok((await stops(2_000)) < 2_000, 'the store');
  release();
  await goesOn();
  freeze(file, child.pid ?? 0);
  assert.ok((await stops(1_000)) < 1_000, 'the pinger');
  child.kill('SIGCONT');
  await goesOn();
  watchdog.child.kill('SIGKILL');
  assert.ok((await stops(18_000)) < 16_000, 'the watchdog');
  await house.serve('watchdog');
  await goesOn();
});
