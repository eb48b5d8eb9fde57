import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import * as z from 'zod/mini';
import { type Clock, systemClock } from '../base/clock.ts';
import { Misconfigured } from '../base/errors.ts';
import { httpFetch } from '../base/fetch.ts';
import { version } from '../base/root.ts';
import { isLocked } from '../store/liveness.ts';
import { openStore, REFUSED, type Store } from '../store/store.ts';
import * as heartbeat from '../tables/heartbeat.ts';
import { noSmallDisk, smallDisk } from '../testing/full-disk.ts';
import { alive } from '../testing/house.ts';
import { freePort } from '../testing/ports.ts';
import { scratch, until } from '../testing/scratch.ts';
import type { Context } from './context.ts';
import { type Home, homeOf, lockOf, prepareHome } from './home.ts';
import { EVERY_ms, LOOK_ms } from './pulse.ts';
import { type Running, type RunOptions, run, service } from './service.ts';

function homeFor(t: TestContext): Home {
  const home = homeOf({ VIGIL_HOME: join(scratch(t), 'home') });
  prepareHome(home);
  return home;
}

/** A core that does what the test says. */
function running(
  t: TestContext,
  home: Home,
  start: (ctx: Context<unknown>) => Promise<void> = async () => {},
  options: Partial<RunOptions> = {},
): Running {
  const running = run(service({ name: 'core', config: z.looseObject({}), start }), { home, ...options });
  t.after(() => running.stop().catch(() => {}));
  return running;
}

async function watch(t: TestContext, home: Home): Promise<Store> {
  const store = await openStore({ directory: home.state, principal: 'cli' });
  t.after(() => store.close());
  return store;
}

const beatOf = async (store: Store) =>
  (await store.read(heartbeat.all)).find((row) => row.service === 'core');

/** The lines of the service's log. */
function logOf(home: Home): { event: string; level: string; msg: string }[] {
  const folder = join(home.logs, 'core');
  return readdirSync(folder)
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').trim().split('\n'))
    .map((line) => JSON.parse(line));
}

const events = (home: Home) => logOf(home).map(({ event }) => event);

/** A process that is a core, and tells on stdout when it is ready. */
function coreProcess(t: TestContext, home: Home): ChildProcess {
  const program = `
    import { run, service } from ${JSON.stringify(new URL('./service.ts', import.meta.url).href)};
    import { homeOf } from ${JSON.stringify(new URL('./home.ts', import.meta.url).href)};
    import * as z from ${JSON.stringify(import.meta.resolve('zod/mini'))};
    const running = run(service({ name: 'core', config: z.looseObject({}), async start() {} }), { home: homeOf() });
    await running.ready;
    process.stdout.write('ready');
    await running.ended;`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...process.env, VIGIL_HOME: home.directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

describe('a service', { concurrency: true }, () => {
  test('tells by its heartbeat how far it is: starting, ready, stopping, stopped', async (t) => {
    const home = homeFor(t);
    const store = await watch(t, home);
    const phases: (string | undefined)[] = [];
    const working = Promise.withResolvers<void>();
    const core = running(t, home, async (ctx) => {
      phases.push((await beatOf(store))?.phase);
      ctx.doing('looking around');
      const queue = [1];
      ctx.work({ name: 'one', look: async () => queue.shift(), act: () => working.promise });
    });
    await core.ready;
    const ready = await beatOf(store);
    phases.push(ready?.phase);
    assert.equal(ready?.doing, 'looking around');
    assert.equal(ready?.pid, process.pid);
    assert.equal(ready?.version, version);
    assert.ok((ready?.rss_bytes ?? 0) > 1e6);
    const stopped = core.stop();
    phases.push(
      await until('it is stopping', async () => {
        const phase = (await beatOf(store))?.phase;
        return phase === 'ready' ? null : phase;
      }),
    );
    working.resolve();
    await stopped;
    phases.push((await beatOf(store))?.phase);
    assert.deepEqual(phases, ['starting', 'ready', 'stopping', 'stopped']);
    assert.equal((await beatOf(store))?.problem, null);
  });

  test('starts in a home that holds a config and nothing else', async (t) => {
    const home = homeOf({ VIGIL_HOME: scratch(t) });
    writeFileSync(home.config, '');
    await running(t, home).ready;
    assert.ok(isLocked(lockOf(home, 'core')));
  });

  test('says why it cannot start, in its heartbeat, its log and to whoever waits', async (t) => {
    const home = homeFor(t);
    const core = running(t, home, async () => {
      throw new Misconfigured('core: no such thing', 'get one');
    });
    await assert.rejects(core.ready, { name: 'Misconfigured' });
    await assert.rejects(core.ended, { name: 'Misconfigured' });
    await assert.rejects(core.stop(), { name: 'Misconfigured' });
    const beat = await beatOf(await watch(t, home));
    assert.equal(beat?.phase, 'misconfigured');
    assert.equal(beat?.problem, 'core: no such thing\n  cure: get one');
    assert.ok(events(home).includes('service.failed'));
    assert.equal(isLocked(lockOf(home, 'core')), false);
  });

  test('a config that is wrong is said in the heartbeat and the log too', async (t) => {
    const home = homeFor(t);
    writeFileSync(home.config, '[croe]\n');
    await assert.rejects(running(t, home).ended, {
      name: 'Misconfigured',
      message: /\[croe\]: unknown section/,
    });
    const beat = await beatOf(await watch(t, home));
    assert.equal(beat?.phase, 'misconfigured');
    assert.match(beat?.problem ?? '', /\[croe\]: unknown section/);
    assert.ok(events(home).includes('service.failed'));
  });

  test('with a config that is wrong nobody speaks for another one that is at work', async (t) => {
    const home = homeFor(t);
    await running(t, home).ready;
    writeFileSync(home.config, '[croe]\n');
    await assert.rejects(running(t, home).ended, { message: /\[croe\]: unknown section/ });
    assert.equal((await beatOf(await watch(t, home)))?.phase, 'ready');
  });

  test('stays down while the off switch is there', async (t) => {
    const home = homeFor(t);
    writeFileSync(home.stopped, '');
    const core = running(t, home, async () => assert.fail('it was started'));
    await assert.rejects(core.ended, {
      message: `core: Vigil is switched off (${home.stopped} is there)\n  cure: remove ${home.stopped}`,
    });
  });

  test('reads its own secrets only, and never says them', async (t) => {
    const home = homeFor(t);
    const value = 'a-secret-word-of-the-router';
    writeFileSync(join(home.credentials, 'providers.env'), `A_KEY=${value}\n`, { mode: 0o600 });
    const router = run(
      service({
        name: 'router',
        config: z.looseObject({}),
        async start(ctx) {
          assert.equal(ctx.secret('anthropic'), null, 'there is none');
          assert.throws(
            () => ctx.secret('telegram'),
            /router asked for the secret 'telegram', which the manifest/,
          );
          assert.equal(ctx.secret('providers')?.A_KEY, value);
          ctx.log.info('test.said', { value }, `it is ${value}`);
        },
      }),
      { home },
    );
    await router.ready;
    await router.stop();
    const folder = join(home.logs, 'router');
    const text = readdirSync(folder)
      .map((file) => readFileSync(join(folder, file), 'utf8'))
      .join('');
    assert.match(text, /it is \[scrubbed\]/);
    assert.doesNotMatch(text, new RegExp(value));
  });

  test('a second one waits, says so, and takes over at once when the first is killed', async (t) => {
    const home = homeFor(t);
    const first = coreProcess(t, home);
    if (first.stdout) await once(first.stdout, 'data');
    const heard: string[] = [];
    const second = running(t, home, undefined, { standby: (message) => heard.push(message) });
    await until('it says that it waits', () => heard.length > 0);
    assert.match(heard.join(), /another core is alive on .*state: this one waits until it ends/);
    const store = await watch(t, home);
    assert.equal((await beatOf(store))?.pid, first.pid);
    const killed = performance.now();
    first.kill('SIGKILL');
    await second.ready;
    const took_ms = performance.now() - killed;
    assert.ok(took_ms < 10_000, `${took_ms} ms`);
    assert.equal((await beatOf(store))?.pid, process.pid);
    assert.equal(heard.length, 1, 'it is said once');
    assert.ok(first.pid && !alive(first.pid));
  });

  test('one that is stopped while it waits for another ends, and tells that it never was ready', async (t) => {
    const home = homeFor(t);
    await running(t, home).ready;
    const waits = Promise.withResolvers<void>();
    const second = running(t, home, undefined, { standby: () => waits.resolve() });
    await waits.promise;
    await second.stop();
    await assert.rejects(second.ready, /core: stopped before it was ready/);
  });

  test('a drain waits for the work, and for the answers that were begun', async (t) => {
    const home = homeFor(t);
    const port = await freePort();
    const answering = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const core = running(t, home, async (ctx) => {
      const server = createServer(async (_request, response) => {
        asked.resolve();
        await answering.promise;
        response.end('the answer');
      });
      await ctx.listen(server, { host: '127.0.0.1', port });
    });
    await core.ready;
    const fetch = httpFetch();
    const answer = fetch(`http://127.0.0.1:${port}/`);
    await asked.promise;
    let ended = false;
    const stopped = core.stop().then(() => {
      ended = true;
    });
    await until('it takes nothing new', () =>
      httpFetch()(`http://127.0.0.1:${port}/`).then(
        () => false,
        () => true,
      ),
    );
    assert.equal(ended, false);
    answering.resolve();
    assert.equal(await (await answer).text(), 'the answer');
    await stopped;
  });

  test('a drain that takes too long is given up, and says so', async (t) => {
    const home = homeFor(t);
    const core = running(
      t,
      home,
      async (ctx) => {
        const queue = [1];
        ctx.work({ name: 'endless', look: async () => queue.shift(), act: () => new Promise(() => {}) });
      },
      { stop_ms: 100 },
    );
    await core.ready;
    const began = performance.now();
    await core.stop();
    const took_ms = performance.now() - began;
    assert.ok(took_ms >= 95 && took_ms < 10_000, `${took_ms} ms`);
    assert.ok(events(home).includes('drain.abandoned'));
    assert.equal((await beatOf(await watch(t, home)))?.phase, 'stopped');
  });

  test('one that finds out that a person must act still ends what is in work', async (t) => {
    const home = homeFor(t);
    const working = Promise.withResolvers<void>();
    let done = false;
    const core = running(t, home, async (ctx) => {
      const queue = [1];
      ctx.work({
        name: 'work',
        look: async () => queue.shift(),
        async act() {
          await working.promise;
          done = true;
        },
      });
      ctx.work<never>({
        name: 'finding',
        async look() {
          throw new Misconfigured('core: the key is refused', 'get another one');
        },
        async act() {},
      });
    });
    const store = await watch(t, home);
    await until('it is stopping', async () => (await beatOf(store))?.phase === 'stopping');
    working.resolve();
    await assert.rejects(core.ended, { message: /the key is refused/ });
    assert.ok(done);
    const beat = await beatOf(store);
    assert.equal(beat?.phase, 'misconfigured');
    assert.match(beat?.problem ?? '', /the key is refused\n {2}cure: get another one/);
  });

  test('a step that fails now and then is logged, and comes again', async (t) => {
    const home = homeFor(t);
    let steps = 0;
    const core = running(t, home, async (ctx) => {
      ctx.every('tick', 5, async () => {
        steps += 1;
        if (steps === 1) throw new Error('the first one');
      });
    });
    await until('it has come again', () => steps >= 3);
    await core.stop();
    const failed = logOf(home).filter(({ event }) => event === 'step.failed');
    assert.equal(failed.length, 1);
    const after = steps;
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(steps, after, 'nothing comes after the end');
  });

  test('a problem is in the heartbeat while it lasts', async (t) => {
    const home = homeFor(t);
    let ctx: Context<unknown> | undefined;
    const core = running(t, home, async (context) => {
      ctx = context;
    });
    await core.ready;
    const store = await watch(t, home);
    ctx?.problem('the network is away');
    await until('it is told', async () => (await beatOf(store))?.problem === 'the network is away');
    ctx?.problem('the network is away');
    ctx?.problem(null);
    await until('it is over', async () => (await beatOf(store))?.problem === null);
    await core.stop();
    const told = events(home).filter((event) => event.startsWith('problem.'));
    assert.deepEqual(told, ['problem.begun', 'problem.ended']);
  });

  test('a port that is taken is told with the cure, and nothing else stays open', async (t) => {
    const home = homeFor(t);
    const other = createSocketServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    t.after(() => other.close());
    const address = other.address();
    assert.ok(typeof address === 'object' && address);
    const first = createServer();
    const core = running(t, home, async (ctx) => {
      await ctx.listen(first, { path: join(home.state, 'run', 'x.sock') });
      await ctx.listen(createServer(), { host: '127.0.0.1', port: address.port });
    });
    await assert.rejects(core.ended, {
      name: 'Misconfigured',
      message: `port ${address.port} on 127.0.0.1 is taken by another program\n  cure: stop that program, or choose another port in config.toml`,
    });
    assert.equal(first.listening, false);
  });

  test('a port that only root may take is told with the cure', {
    skip: process.getuid?.() === 0 ? 'root may take every port' : false,
  }, async (t) => {
    const core = running(t, homeFor(t), (ctx) => ctx.listen(createServer(), { host: '127.0.0.1', port: 1 }));
    await assert.rejects(core.ended, { name: 'Misconfigured', message: /port 1 .*\n {2}cure: / });
  });

  test('a socket that a killed process left behind is no obstacle', async (t) => {
    const home = homeFor(t);
    const path = join(home.state, 'run', 'x.sock');
    writeFileSync(path, '');
    await running(t, home, (ctx) => ctx.listen(createServer(), { path })).ready;
    assert.ok(statSync(path).isSocket());
  });

  test('a store that cannot be opened is told as what it is', async (t) => {
    const home = homeFor(t);
    writeFileSync(
      join(home.state, 'vigil.db'),
      'this is no database at all, but a text of some length\n'.repeat(99),
    );
    const core = running(t, home);
    await assert.rejects(core.ended, { name: 'Misconfigured', message: /is not an SQLite database/ });
    assert.equal(isLocked(lockOf(home, 'core')), false);
  });

  test('a state folder that may not be written is told with the cure', { skip: noSmallDisk }, async (t) => {
    const disk = smallDisk(t, 4096);
    const home = homeOf({ VIGIL_HOME: disk.directory });
    prepareHome(home);
    disk.remount('ro');
    const core = running(t, home);
    await assert.rejects(core.ended, {
      name: 'Misconfigured',
      message: /cannot be written[\s\S]*cure: .*write access/,
    });
    disk.remount('rw');
  });

  test('a full disk does not keep it from ending its work, and ending well', {
    skip: noSmallDisk,
  }, async (t) => {
    const disk = smallDisk(t, 2048);
    const home = homeOf({ VIGIL_HOME: disk.directory });
    prepareHome(home);
    const working = Promise.withResolvers<void>();
    let done = false;
    const core = running(t, home, async (ctx) => {
      const queue = [1];
      ctx.work({
        name: 'work',
        look: async () => queue.shift(),
        async act() {
          await working.promise;
          done = true;
        },
      });
    });
    await core.ready;
    assert.throws(() => writeFileSync(join(disk.directory, 'filler'), Buffer.alloc(4 << 20)), {
      code: 'ENOSPC',
    });
    const stopped = core.stop();
    working.resolve();
    await stopped;
    assert.ok(done);
  });

  test('the supervisor hears of it while the steps end, and nothing while one hangs', async (t) => {
    let ahead_ms = 0;
    const clock = { now: () => Date.now() + ahead_ms, mono: () => performance.now() + ahead_ms };
    const hanging = Promise.withResolvers<null>();
    const forEver = Promise.withResolvers<void>();
    let looks = 0;
    let pings = 0;
    const start = async (ctx: Context<unknown>) => {
      ctx.work<never>({
        name: 'hanging',
        look: async () => (looks++ === 0 ? hanging.promise : null),
        async act() {},
      });
      ctx.work({ name: 'long', look: async () => 'piece', act: () => forEver.promise });
      ctx.work<never>({
        name: 'failing',
        look: async () => {
          throw new Error('the disk is full');
        },
        async act() {},
      });
    };
    const notify = (word: string) => {
      if (word === 'WATCHDOG=1') pings += 1;
    };
    const home = homeFor(t);
    const options = { clock, notify, beat_ms: 5, stop_ms: 10 };
    const core = running(t, home, start, options);
    await core.ready;
    const store = await watch(t, home);
    /** Whether a ping comes with the beats that follow. */
    const heard = async () => {
      const before = pings;
      for (let beats = 0; beats < 3; beats++) {
        const last_at = (await beatOf(store))?.beat_at ?? 0;
        await until('it beats', async () => ((await beatOf(store))?.beat_at ?? 0) > last_at);
      }
      return pings > before;
    };
    ahead_ms = LOOK_ms - 10_000;
    assert.equal(await heard(), true, 'a look may last a while, a piece of work for ever');
    ahead_ms = LOOK_ms + 1;
    await until('the beat knows', () => events(home).includes('step.hangs'));
    assert.equal(await heard(), false);
    assert.ok(logOf(home).some((line) => JSON.stringify(line).includes('"work":"hanging"')));
    hanging.resolve(null);
    await until('it is heard again', heard);
    ahead_ms = 10 * EVERY_ms;
    assert.equal(await heard(), true, 'what fails and what lasts is no hang');
    forEver.resolve();
  });

  test('a store that the check-up refused takes everybody down at the next beat', async (t) => {
    const home = homeFor(t);
    const core = running(t, home, undefined, { beat_ms: 50 });
    await core.ready;
    writeFileSync(join(home.state, REFUSED), 'row missing from index\n');
    await assert.rejects(core.ended, {
      name: 'Misconfigured',
      message: /damaged .*\n {2}cure: restore a backup/,
    });
  });

  test('a clock that jumps is told to those who wait; one that only runs is not', async (t) => {
    const home = homeFor(t);
    let ahead_ms = 0;
    const clock: Clock = { now: () => systemClock.now() + ahead_ms, mono: systemClock.mono };
    const jumps: number[] = [];
    const core = running(t, home, async (ctx) => ctx.onJump((by_ms) => jumps.push(by_ms)), {
      clock,
      beat_ms: 50,
    });
    await core.ready;
    const store = await watch(t, home);
    const first = await beatOf(store);
    await until('it beats', async () => ((await beatOf(store))?.beat_at ?? 0) > (first?.beat_at ?? 0));
    assert.deepEqual(jumps, []);
    ahead_ms = -86_400_000;
    await until('it has noticed', () => jumps.length > 0);
    assert.ok(Math.abs((jumps[0] ?? 0) + 86_400_000) < 1000, String(jumps));
    await core.stop();
    assert.equal(jumps.length, 1);
    assert.ok(events(home).includes('clock.jumped'));
  });
});

test('what is done every so often hears of a jump first, and of a pause in which both clocks went on', async (t) => {
  const home = homeFor(t);
  let [wall_ms, both_ms] = [0, 0];
  const clock: Clock = {
    now: () => systemClock.now() + wall_ms + both_ms,
    mono: () => systemClock.mono() + both_ms,
  };
  const heard: string[] = [];
  const core = running(
    t,
    home,
    async (ctx) => {
      ctx.onJump((by_ms) => heard.push(`jump ${Math.round(by_ms / 3_600_000)} h`));
      ctx.every('look', 10, async () => void heard.push('look'));
    },
    // No beat before the look.
    { clock, beat_ms: 60_000 },
  );
  await core.ready;
  await until('it looks', () => heard.length > 0);
  assert.ok(heard.every((what) => what === 'look'));
  const after = async (move: () => void) => {
    heard.length = 0;
    move();
    await until('it looks again', () => heard.length > 1);
    return heard[0];
  };
  assert.equal(await after(() => (wall_ms = 6 * 3_600_000)), 'jump 6 h');
  assert.equal(await after(() => (both_ms = 6 * 3_600_000)), 'jump 6 h');
  assert.equal(await after(() => (both_ms += 65_000)), 'look');
  await core.stop();
});

test('a home with a file where a folder should be is told as it is', async (t) => {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  writeFileSync(home.config, '');
  writeFileSync(home.state, '');
  mkdirSync(home.credentials);
  await assert.rejects(running(t, home).ended, { name: 'Misconfigured', message: /state/ });
});
