import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { prune } from './prune.ts';

const DAY_ms = 86_400_000;

test('what calls left behind goes after thirty days, and nothing else does', async (t) => {
  const home = homeOf({ VIGIL_HOME: join(scratch(t), 'house') });
  prepareHome(home);
  mkdirSync(home.files, { recursive: true });
  assert.equal(await prune(home, Date.now()), 0, 'there is nothing yet');
  const now = Date.now();
  const put = (path: string, days: number) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'x');
    const at = (now - days * DAY_ms) / 1000;
    utimesSync(path, at, at);
    if (dirname(path) !== home.files && dirname(path) !== home.workspace) utimesSync(dirname(path), at, at);
    return path;
  };
  const old = [put(join(home.files, 'call-1/a.png'), 31), put(join(home.workspace, '.results/1.txt'), 31)];
  const kept = [
    put(join(home.files, 'call-2/a.png'), 29),
    put(join(home.workspace, '.results/2.txt'), 29),
    put(join(home.files, '12.pdf'), 31),
    put(join(home.workspace, 'mine.txt'), 31),
  ];
  assert.equal(await prune(home, now), 2);
  assert.deepEqual([old.map(existsSync), kept.map(existsSync)], [old.map(() => false), kept.map(() => true)]);

  const outside = scratch(t);
  const theirs = put(join(outside, '3.txt'), 31);
  rmSync(join(home.workspace, '.results'), { recursive: true });
  symlinkSync(outside, join(home.workspace, '.results'));
  assert.equal(await prune(home, now), 0);
  assert.ok(existsSync(theirs), 'no link is followed');
});
