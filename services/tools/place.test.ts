import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Home, homeOf, prepareHome } from '#shared/runtime/home.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { placeOf, reached, replaceFile, verdictAt, withFile } from './place.ts';

function homeFor(t: TestContext): Home {
  const home = homeOf({ VIGIL_HOME: join(scratch(t), 'house') });
  prepareHome(home);
  return home;
}

const handsOf = (home: Home, paths: string[] = []) => ({
  ctx: { home },
  shares: [],
  files: [],
  allowed: { paths },
});

test('a path is what it really names, also where nothing is yet', (t) => {
  const home = homeFor(t);
  const outside = scratch(t);
  symlinkSync(outside, join(home.workspace, 'out'));
  symlinkSync('/nowhere/at/all', join(home.workspace, 'dangling'));
  assert.equal(placeOf('a/b/../c', home), join(home.workspace, 'a/c'));
  assert.equal(placeOf('out/new/file', home), join(outside, 'new/file'));
  assert.equal(placeOf('dangling', home), join(home.workspace, 'dangling'), 'which is never followed');
  assert.equal(placeOf('/', home), '/');
  const closed = join(outside, 'closed');
  mkdirSync(closed, { mode: 0 });
  assert.equal(placeOf(join(closed, 'file'), home), join(closed, 'file'), 'which nobody can look into');
});

test('the workspace is open, its house is not, and a share of all is no way into the house', (t) => {
  const home = homeFor(t);
  const shares = [{ path: '/', mode: 'write' as const, given_at: 1 }];
  const files = [join(home.files, '7.txt')];
  const at = (path: string, given: typeof shares | [] = []) =>
    (['read', 'write'] as const).map((reach) => verdictAt(path, reach, { home, shares: given, files }).do);
  assert.deepEqual(at(home.workspace), ['allow', 'allow']);
  assert.deepEqual(at(`${home.workspace}2`), ['deny', 'deny'], 'its neighbour of a similar name');
  assert.deepEqual(at(join(home.files, '7.txt')), ['allow', 'ask']);
  assert.deepEqual(at(join(home.files, '8.txt')), ['deny', 'deny'], 'which came to another chat');
  assert.deepEqual(at(home.persona), ['deny', 'deny']);
  assert.deepEqual(at(join(home.directory, 'new')), ['deny', 'deny']);
  assert.deepEqual(at('/etc/hosts'), ['ask', 'ask']);
  assert.deepEqual(at('/etc/hosts', shares), ['allow', 'allow']);
  assert.deepEqual(at(join(home.state, 'vigil.db'), shares), ['deny', 'deny']);
  assert.deepEqual(at(home.config, shares), ['deny', 'deny']);
});

test('what was granted is that path and what is below it', (t) => {
  const home = homeFor(t);
  const outside = scratch(t);
  const granted = handsOf(home, [join(outside, 'a')]);
  assert.equal(reached(join(outside, 'a'), 'write', granted), join(outside, 'a'));
  assert.equal(reached(join(outside, 'a/b'), 'write', granted), join(outside, 'a/b'));
  assert.throws(() => reached(join(outside, 'ab'), 'write', granted), /was not allowed/);
  assert.throws(() => reached(outside, 'write', granted), /was not allowed/);
  assert.throws(() => reached(home.config, 'read', handsOf(home, ['/'])), /was not allowed/);
});

test('a link that is put in the place of a folder meanwhile leads nowhere', {
  skip: process.platform !== 'linux' && 'the open folder cannot be asked where it is',
}, async (t) => {
  const home = homeFor(t);
  const outside = scratch(t);
  writeFileSync(join(outside, 'file'), 'secret');
  mkdirSync(join(home.workspace, 'folder'));
  writeFileSync(join(home.workspace, 'folder/file'), 'mine');
  const swap = `const fs = require('node:fs'); process.chdir(${JSON.stringify(home.workspace)});
    for (;;) { fs.renameSync('folder', 'aside'); fs.symlinkSync(${JSON.stringify(outside)}, 'folder');
      fs.unlinkSync('folder'); fs.renameSync('aside', 'folder'); }`;
  const swapper = spawn(process.execPath, ['-e', swap], { stdio: 'ignore' });
  t.after(async () => {
    swapper.kill('SIGKILL');
    await once(swapper, 'exit');
  });
  const seen = { mine: 0, refused: 0 };
  for (
    const end = performance.now() + 5000;
    performance.now() < end && (seen.mine < 3 || seen.refused < 50);
  ) {
    try {
      const place = reached('folder/file', 'read', handsOf(home));
      const content = await withFile(place, (file) => file.readFile('utf8'));
      assert.equal(content, 'mine');
      seen.mine += 1;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      seen.refused += 1;
    }
  }
  assert.ok(seen.mine >= 3 && seen.refused >= 50, JSON.stringify(seen));
});

test('nothing is written through a link that a folder has become', async (t) => {
  const home = homeFor(t);
  const outside = scratch(t);
  mkdirSync(join(outside, 'deep'));
  symlinkSync(outside, join(home.workspace, 'folder'));
  for (const path of ['folder/new', 'folder/deep/new', 'folder/other/new']) {
    await assert.rejects(replaceFile(join(home.workspace, path), 'x'), path);
  }
  assert.deepEqual(readdirSync(outside, { recursive: true }), ['deep']);
});

test('a file is replaced whole, and what failed leaves nothing', async (t) => {
  const home = homeFor(t);
  await replaceFile(join(home.workspace, 'a/b/c.txt'), 'one');
  await replaceFile(join(home.workspace, 'a/b/c.txt'), 'two');
  assert.equal(readFileSync(join(home.workspace, 'a/b/c.txt'), 'utf8'), 'two');
  await assert.rejects(replaceFile(join(home.workspace, 'a/b'), 'three'));
  await assert.rejects(replaceFile(join(home.workspace, 'a/b/c.txt/d'), 'three'));
  assert.deepEqual(readdirSync(home.workspace, { recursive: true }).sort(), ['a', 'a/b', 'a/b/c.txt']);
});

test('pipes, folders and links are not read as files', async (t) => {
  const home = homeFor(t);
  const read = (path: string) => withFile(join(home.workspace, path), (file) => file.readFile());
  const made = spawn('mkfifo', [join(home.workspace, 'pipe')]);
  await once(made, 'exit');
  symlinkSync('/etc/hostname', join(home.workspace, 'link'));
  mkdirSync(join(home.workspace, 'folder'));
  await assert.rejects(read('pipe'), /not a plain file/);
  await assert.rejects(read('folder'), /is a folder/);
  await assert.rejects(read('link'), { code: 'ELOOP' });
});
