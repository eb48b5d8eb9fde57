import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as shareTable from '#shared/tables/share.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';
import { scratch } from '#shared/testing/scratch.ts';

test('a folder is shared by its real name, to read or to write, until it is revoked', async (t) => {
  const { home, router } = await quietHome(t);
  const folder = realpathSync(scratch(t));
  const link = `${folder}-link`;
  symlinkSync(folder, link);
  t.after(() => rmSync(link));
  const shares = async () => (await router.read(shareTable.all)).map(({ path, mode }) => [path, mode]);

  assert.match((await vigil(home, ['share'])).stdout, /^Nothing is shared/);
  assert.equal(
    (await vigil(home, ['share', link, '--read'])).stdout,
    `the agent may read ${folder}, from its next call on\n`,
  );
  assert.deepEqual(await shares(), [[folder, 'read']]);
  await vigil(home, ['share', folder, '--write']);
  assert.deepEqual(await shares(), [[folder, 'write']]);
  assert.match((await vigil(home, ['share'])).stdout, new RegExp(`${folder} +write +\\d{4}-`));
  assert.equal(JSON.parse((await vigil(home, ['share', '--json'])).stdout)[0].path, folder);
  assert.equal((await vigil(home, ['share', '--revoke', link])).code, 0);
  assert.deepEqual(await shares(), []);
  assert.match((await vigil(home, ['share', '--revoke', folder])).stderr, /is not shared/);
});

test('what is too wide, holds secrets or is Vigil itself is not shared', async (t) => {
  const { home, router } = await quietHome(t);
  const folder = realpathSync(scratch(t));
  mkdirSync(join(folder, '.ssh'));
  writeFileSync(join(folder, 'file'), '');
  symlinkSync('/etc', join(folder, 'innocent'));
  const refused: [string, RegExp][] = [
    ['/', /too wide/],
    ['/usr', /too wide/],
    ['/etc', /the system's/],
    ['/proc', /the system's/],
    [homedir(), /whole home|too wide/],
    [home.directory, /Vigil's own/],
    [home.state, /Vigil's own/],
    [join(folder, '.ssh'), /keys and passwords/],
    [join(folder, 'innocent'), /\/etc is the system's/],
    [join(folder, 'file'), /expected a folder/],
    [join(folder, 'missing'), /there is nothing at/],
  ];
  for (const [path, why] of refused) {
    const { code, stderr } = await vigil(home, ['share', path, '--read']);
    assert.equal(code, 78, path);
    assert.match(stderr, why, path);
  }
  assert.deepEqual(await router.read(shareTable.all), []);
});

test('one shared folder is not in another, and what is asked for is clear', async (t) => {
  const { home } = await quietHome(t);
  const folder = realpathSync(scratch(t));
  mkdirSync(join(folder, 'inner'));
  await vigil(home, ['share', join(folder, 'inner'), '--read']);
  assert.match(
    (await vigil(home, ['share', folder, '--write'])).stderr,
    /overlaps .*inner, which is shared to read/,
  );
  for (const args of [[folder], ['--read'], [folder, '--read', '--write']]) {
    assert.equal((await vigil(home, ['share', ...args])).code, 64, args.join(' '));
  }
});
