import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as z from 'zod/mini';
import { halt, resume } from '#shared/runtime/halt.ts';
import { main } from '#shared/runtime/main.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as turn from '#shared/tables/turn.ts';
import { until } from '#shared/testing/scratch.ts';
import { openWorkbench, type Workbench } from '#shared/testing/workbench.ts';
import { builtIn } from './built-in.ts';
import { type Hands, tool } from './registry.ts';
import { text } from './result.ts';
import { toolsWith } from './service.ts';

/**
 * Tools that do something which one can count, and then take until the file `go` is there: this file started as a program
 * is the service with them.
 */
const counted = (name: string, repeatable: boolean, deaf: boolean) =>
  tool({
    name,
    description: 'For a test.',
    input: z.strictObject({}),
    offer: 'on demand',
    repeatable,
    limit_ms: name === 'short' ? 300 : 60_000,
    about: () => name,
    policy: () => ({ do: 'allow' }),
    async run(_, { ctx, signal }: Hands) {
      appendFileSync(join(ctx.home.workspace, name), 'x');
      await until(
        'it may go on',
        () => existsSync(join(ctx.home.workspace, 'go')) || (signal.aborted && !deaf),
      );
      signal.throwIfAborted();
      return { content: text('went on') };
    },
  });

const crash = tool({
  ...counted('crash', true, false),
  async run(_, { ctx }) {
    appendFileSync(join(ctx.home.workspace, 'crash'), 'x');
    process.kill(process.pid, 'SIGKILL');
    return { content: text('never') };
  },
});

const broken = tool({
  ...counted('broken', true, false),
  policy() {
    throw new Error('no judgement');
  },
});

const program = process.env.VIGIL_TEST_TOOLS === 'counted' && process.argv[1] === import.meta.filename;
if (program) {
  const own = [
    counted('once', false, false),
    counted('again', true, false),
    counted('deaf', false, true),
    counted('short', false, false),
  ];
  main(import.meta.filename, toolsWith([...builtIn, ...own, crash, broken]));
}

type Shop = Workbench & {
  start(): Promise<{ kill(signal: NodeJS.Signals): Promise<number | null> }>;
  /** How often it was done. */
  times(name: string): number;
  done(name: string, times: number): Promise<unknown>;
};

async function openShop(t: TestContext, config = ''): Promise<Shop> {
  const bench = await openWorkbench({ config });
  const { home } = bench.house;
  const children = new Set<ReturnType<typeof spawn>>();
  t.after(async () => {
    for (const child of children)
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    await bench.close();
  });
  const times = (name: string) => {
    const path = join(home.workspace, name);
    return existsSync(path) ? readFileSync(path, 'utf8').length : 0;
  };
  return {
    ...bench,
    times,
    done: (name, count) => until(`${name} was done ${count} times`, () => times(name) === count),
    async start() {
      const env = {
        ...process.env,
        VIGIL_HOME: home.directory,
        VIGIL_CONSOLE: 'off',
        VIGIL_TEST_TOOLS: 'counted',
      };
      const child = spawn(process.execPath, [import.meta.filename], { env, stdio: 'inherit' });
      children.add(child);
      const exit = once(child, 'exit');
      const ready = (beats: heartbeat.Heartbeat[]) =>
        beats.some(({ pid, phase }) => pid === child.pid && phase === 'ready');
      await until(
        'the tools are ready or gone',
        async () => child.signalCode !== null || ready(await bench.store.read(heartbeat.all)),
      );
      return {
        async kill(signal) {
          child.kill(signal);
          const [code] = await exit;
          return code;
        },
      };
    },
  };
}

if (!program) {
  test('a tool with effects that was killed with its service is not run again, and the model hears so', async (t) => {
    const shop = await openShop(t);
    const first = await shop.start();
    const id = await shop.ask('once', {});
    await shop.done('once', 1);
    await first.kill('SIGKILL');
    assert.equal((await shop.row(id)).state, 'running', 'the intent was on the disk');
    writeFileSync(join(shop.house.home.workspace, 'go'), '');
    await shop.start();
    const over = await shop.over(id);
    assert.equal(over.state, 'interrupted');
    assert.equal(over.text, 'interrupted: nobody knows what came of it');
    assert.equal(shop.times('once'), 1);
  });

  test('a repeatable tool that was killed with its service runs again', async (t) => {
    const shop = await openShop(t);
    const first = await shop.start();
    const id = await shop.ask('again', {});
    await shop.done('again', 1);
    await first.kill('SIGKILL');
    writeFileSync(join(shop.house.home.workspace, 'go'), '');
    await shop.start();
    const over = await shop.over(id);
    assert.deepEqual([over.state, over.text, over.attempt], ['done', 'went on', 2]);
    assert.equal(shop.times('again'), 2);
  });

  test('a call that was asked for while nobody was there runs once the service is', async (t) => {
    const shop = await openShop(t);
    const id = await shop.ask('write_file', { path: 'late.txt', content: 'late' });
    await shop.start();
    assert.equal((await shop.over(id)).state, 'done');
  });

  test('a call that kills the service each time is given up after three', async (t) => {
    const shop = await openShop(t);
    const id = await shop.ask('crash', {});
    for (let life = 1; life <= 3; life++) {
      await shop.start();
      await shop.done('crash', life);
    }
    await shop.start();
    assert.equal((await shop.over(id)).state, 'interrupted');
    assert.equal(shop.times('crash'), 3);
  });

  test('a call whose turn is stopped ends at once, and one that waits never begins', async (t) => {
    const shop = await openShop(t, '[tools]\nparallel_calls = 1\n');
    await shop.start();
    const mine = await shop.turn();
    const running = await shop.ask('once', {}, mine);
    await shop.done('once', 1);
    const waiting = await shop.ask('again', {}, mine);
    await shop.store.commit([turn.stop(mine.id, { now: Date.now(), error: 'stopped' })]);
    const [one, two] = [await shop.over(running), await shop.over(waiting)];
    assert.deepEqual([one.state, two.state], ['cancelled', 'cancelled']);
    assert.equal(shop.times('again'), 0);
  });

  test('a tool that does not listen is left behind, and holds nothing up', async (t) => {
    const shop = await openShop(t, '[tools]\nparallel_calls = 1\n');
    await shop.start();
    const mine = await shop.turn();
    const deaf = await shop.ask('deaf', {}, mine);
    await shop.done('deaf', 1);
    await shop.store.commit([turn.stop(mine.id, { now: Date.now(), error: 'stopped' })]);
    assert.equal((await shop.over(deaf)).state, 'cancelled');
    assert.equal((await shop.call('write_file', { path: 'next.txt', content: '' })).state, 'done');
  });

  test('the halt stops what runs and lets nothing begin; afterwards what is repeatable runs again', async (t) => {
    const shop = await openShop(t);
    const { halted, workspace } = shop.house.home;
    await shop.start();
    const [once, again] = [await shop.ask('once', {}), await shop.ask('again', {})];
    await shop.done('once', 1);
    await shop.done('again', 1);
    halt(halted, 'test');
    const stopped = await shop.over(once);
    assert.deepEqual(
      [stopped.state, stopped.text],
      ['interrupted', 'interrupted by a halt: nobody knows what came of it'],
    );
    await until('the repeatable one waits', async () => (await shop.row(again)).state === 'pending');
    const later = await shop.ask('write_file', { path: 'later.txt', content: '' });
    writeFileSync(join(workspace, 'go'), '');
    assert.equal(shop.times('again'), 1);
    assert.equal((await shop.row(later)).state, 'pending');
    resume(halted);
    assert.equal((await shop.over(again)).state, 'done');
    assert.equal((await shop.over(later)).state, 'done');
    assert.equal(shop.times('again'), 2);
  });

  test('a drain lets what runs come to its end', async (t) => {
    const shop = await openShop(t);
    const service = await shop.start();
    const id = await shop.ask('once', {});
    await shop.done('once', 1);
    const end = service.kill('SIGTERM');
    await until('it drains', async () =>
      (await shop.store.read(heartbeat.all)).some(({ phase }) => phase === 'stopping'),
    );
    const later = await shop.ask('write_file', { path: 'later.txt', content: '' });
    writeFileSync(join(shop.house.home.workspace, 'go'), '');
    assert.equal(await end, 143);
    assert.equal((await shop.over(id)).state, 'done');
    assert.equal((await shop.row(later)).state, 'pending');
  });

  test('a tool that takes too long is stopped, and the model hears after what time', async (t) => {
    const shop = await openShop(t);
    await shop.start();
    const over = await shop.call('short', {});
    assert.equal(over.state, 'failed');
    assert.match(over.text, /^stopped after its limit of 0\.3 s/);
  });

  test('a call that cannot be judged fails alone', async (t) => {
    const shop = await openShop(t);
    await shop.start();
    const bad = await shop.call('broken', {});
    assert.equal(bad.state, 'failed');
    assert.match(bad.text, /no judgement/);
    assert.equal((await shop.call('list_files', {})).state, 'done');
  });

  test('calls run side by side, as many as are set', async (t) => {
    const shop = await openShop(t, '[tools]\nparallel_calls = 2\n');
    await shop.start();
    const ids = [await shop.ask('again', {}), await shop.ask('again', {}), await shop.ask('again', {})];
    await shop.done('again', 2);
    const states = async () => (await Promise.all(ids.map(shop.row))).map(({ state }) => state).sort();
    assert.deepEqual(await states(), ['pending', 'running', 'running']);
    writeFileSync(join(shop.house.home.workspace, 'go'), '');
    for (const id of ids) assert.equal((await shop.over(id)).state, 'done');
    assert.equal(shop.times('again'), 3);
  });
}
