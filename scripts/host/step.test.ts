import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '#shared/testing/scratch.ts';
import { folder, isEmpty, putCopy, putFile } from './owner.ts';
import { carryOut } from './step.ts';

test('what is done is neither said nor done again, and a rehearsal only says', async (t) => {
  const path = join(scratch(t), 'a', 'b');
  const said: string[] = [];
  const run = (dryRun: boolean) =>
    carryOut([folder(path, 0o700, null)], { dryRun, say: (line) => void said.push(line) });
  assert.deepEqual([await run(true), await run(true), await run(false), await run(false)], [1, 1, 1, 0]);
  assert.deepEqual(said, [`would make ${path} (700)`, `would make ${path} (700)`, `make ${path} (700)`]);
  assert.equal(statSync(path).mode & 0o7777, 0o700);
});

test('a step that fails ends the run, and the next run begins with it', async (t) => {
  const path = join(scratch(t), 'made');
  let broken = true;
  const steps = [
    folder(path, 0o700, null),
    { words: 'fail', due: () => true, act: () => (broken ? assert.fail('broken') : undefined) },
  ];
  const run = () => carryOut(steps, { dryRun: false, say() {} });
  await assert.rejects(run, /broken/);
  broken = false;
  assert.equal(await run(), 1);
});

test('a copy keeps what its owner may, links and all, and takes the place of an empty folder alone', (t) => {
  const [from, to] = [join(scratch(t), 'from'), join(scratch(t), 'to')];
  mkdirSync(join(from, 'in'), { recursive: true, mode: 0o755 });
  writeFileSync(join(from, 'in', 'run'), 'echo', { mode: 0o755 });
  symlinkSync('in/run', join(from, 'link'));
  mkdirSync(to);
  assert.equal(isEmpty(to), true);
  putCopy(from, to, null);
  assert.equal(isEmpty(to), false);
  assert.equal(readFileSync(join(to, 'link'), 'utf8'), 'echo');
  assert.equal(statSync(join(to, 'in', 'run')).mode & 0o777, 0o700);
});

test('a secret is never open to more than it shall be', (t) => {
  const file = join(scratch(t), 'telegram.env');
  putFile(file, 'a', 0o600, null);
  putFile(file, 'b', 0o600, null);
  assert.deepEqual([readFileSync(file, 'utf8'), statSync(file).mode & 0o777], ['b', 0o600]);
});
