import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as z from 'zod/mini';
import { noSmallDisk, smallDisk } from '../testing/full-disk.ts';
import { scratch, until } from '../testing/scratch.ts';
import { halt, haltedBecause, resume, watchHalt } from './halt.ts';
import { homeOf, prepareHome } from './home.ts';
import { run, service } from './service.ts';

test('a halt says who and why, and the second of two changes nothing', (t) => {
  const file = join(scratch(t), 'HALTED');
  assert.equal(haltedBecause(file), null);
  assert.equal(halt(file, 'the owner, in the terminal'), true);
  const why = haltedBecause(file);
  assert.match(why ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z the owner, in the terminal$/);
  assert.equal(halt(file, 'somebody else'), false);
  assert.equal(haltedBecause(file), why);
  assert.equal(resume(file), true);
  assert.equal(resume(file), false);
  assert.equal(haltedBecause(file), null);
});

test('of processes that halt at the same moment one has halted, and its words are whole', async (t) => {
  const file = join(scratch(t), 'HALTED');
  const program = `
    import { halt } from ${JSON.stringify(new URL('./halt.ts', import.meta.url).href)};
    process.stdin.once('data', () => {
      process.stdout.write(String(halt(${JSON.stringify(file)}, 'process ' + process.pid)));
      process.stdin.destroy();
    });
    process.stdout.write('ready ');`;
  const children = [1, 2].map(() => spawn(process.execPath, ['--input-type=module', '-e', program]));
  t.after(() => children.map((child) => child.kill('SIGKILL')));
  const said = children.map(() => '');
  for (const [i, child] of children.entries()) {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said[i] += text;
    });
  }
  await until('both are ready', () => said.every((words) => words.startsWith('ready')));
  const closed = children.map((child) => once(child, 'close'));
  for (const child of children) child.stdin.write('go');
  await Promise.all(closed);
  assert.deepEqual(said.toSorted(), ['ready false', 'ready true']);
  const winner = children[said.indexOf('ready true')];
  assert.match(haltedBecause(file) ?? '', new RegExp(`Z process ${winner?.pid}$`));
});

test('a file that somebody made by hand halts, whatever is in it', async (t) => {
  const file = join(scratch(t), 'HALTED');
  const watched = watchHalt(file);
  t.after(watched.close);
  const heard: boolean[] = [];
  watched.onChange((halted) => heard.push(halted));
  writeFileSync(file, '');
  assert.equal(watched.on(), true, 'asked, it knows at once');
  assert.equal(haltedBecause(file), '');
  await until('it is told', () => heard.length === 1);
  rmSync(file);
  await until('its end is told', () => heard.length === 2);
  assert.deepEqual(heard, [true, false]);
});

test('a halt that follows a resume at once is told, for work may have begun between them', async (t) => {
  const file = join(scratch(t), 'HALTED');
  halt(file, 'first');
  const watched = watchHalt(file);
  t.after(watched.close);
  const heard: boolean[] = [];
  watched.onChange((halted) => heard.push(halted));
  resume(file);
  halt(file, 'second');
  await until('it is told', () => heard.length > 0);
  assert.deepEqual(heard, [true]);
});

test('a halt that somebody was told of is told to all, and its end too, however short it was', async (t) => {
  const file = join(scratch(t), 'HALTED');
  const watched = watchHalt(file);
  t.after(watched.close);
  const heard: boolean[] = [];
  watched.onChange((halted) => heard.push(halted));
  halt(file, 'for a moment');
  assert.equal(watched.on(), true);
  resume(file);
  await until('its end is told', () => heard.length === 2);
  assert.deepEqual(heard, [true, false]);
});

test('what cannot be read halts too', (t) => {
  const file = join(scratch(t), 'HALTED');
  mkdirSync(file);
  const watched = watchHalt(file);
  t.after(watched.close);
  assert.equal(watched.on(), true);
  assert.match(haltedBecause(file) ?? '', /HALTED cannot be read \(EISDIR\)$/);
  assert.equal(halt(file, 'the owner'), false);
  assert.equal(resume(file), true);
  assert.equal(watched.on(), false);
});

test('a full disk halts too, without the words', { skip: noSmallDisk }, (t) => {
  const disk = smallDisk(t, 1024);
  assert.throws(() => writeFileSync(join(disk.directory, 'filler'), Buffer.alloc(4 << 20)), {
    code: 'ENOSPC',
  });
  const file = join(disk.directory, 'HALTED');
  assert.equal(halt(file, 'the owner'), true);
  assert.equal(haltedBecause(file), '');
});

test('a service that starts while all is halted takes no work, idles, and takes it when that is over', async (t) => {
  const home = homeOf({ VIGIL_HOME: join(scratch(t), 'home') });
  prepareHome(home);
  halt(home.halted, 'before the restart');
  let looks = 0;
  const taken: string[] = [];
  const definition = service({
    name: 'core',
    config: z.looseObject({}),
    async start(ctx) {
      const queues = { spends: ['a turn'], answers: ['a button'] };
      ctx.work({
        name: 'halting',
        halts: true,
        async look() {
          looks += 1;
          return queues.spends.shift();
        },
        act: async (piece) => void taken.push(piece),
        async due() {
          looks += 1;
          return queues.spends.length > 0 ? 0 : null;
        },
      });
      ctx.work({
        name: 'others',
        look: async () => queues.answers.shift(),
        act: async (piece) => void taken.push(piece),
      });
    },
  });
  const running = run(definition, { home });
  t.after(() => running.stop().catch(() => {}));
  await running.ready;
  await until('other work is done', () => taken.length === 1);
  assert.equal(looks, 0, 'what has long been due is not looked for again and again');
  resume(home.halted);
  // Sooner than the look that comes by itself, every five seconds.
  await until('the work is taken up', () => taken.length === 2, 4500);
  assert.deepEqual(taken, ['a button', 'a turn']);
});
