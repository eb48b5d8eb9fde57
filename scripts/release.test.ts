import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { services } from '#shared/manifest.ts';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { MANIFEST } from '#shared/runtime/releases.ts';
import { openStore } from '#shared/store/store.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { readRelease, unpack } from './host/release.ts';

/** Makes a release of the sources in `checkout`. */
function made(checkout: string, folder: string, ...args: string[]): string {
  const program = join(checkout, 'scripts', 'release.ts');
  return execFileSync(process.execPath, [program, ...args, folder], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

test('a release is whole, runs by itself, and is the same when it is made again', async (t) => {
  const folder = scratch(t);
  // A copy: whoever changes the sources meanwhile does not change it.
  const checkout = join(folder, 'checkout');
  const left = /^(node_modules|\..+)$/;
  for (const name of readdirSync(root)) {
    if (!left.test(name)) cpSync(join(root, name), join(checkout, name), { recursive: true });
  }
  symlinkSync(realpathSync(join(root, 'node_modules')), join(checkout, 'node_modules'));
  const tarball = made(checkout, folder, '--tarball');
  const version = /^vigil-(.*)-\w+-\w+\.tar\.gz$/.exec(basename(tarball))?.[1] ?? '';
  const release = join(folder, version);
  assert.match(version, /^\d+\.\d+\.\d+-[0-9a-f]{8}$/);
  assert.equal(readRelease(release).version, version);
  for (const { name } of services) assert.ok(existsSync(join(release, 'services', `${name}.cjs`)), name);

  // A machine that has nothing but what is in it, and another folder.
  const command = join(folder, 'vigil');
  symlinkSync(join(release, 'bin', 'vigil'), command);
  const ran = spawnSync(command, ['--version'], {
    env: { PATH: '/usr/bin:/bin' },
    cwd: '/',
    encoding: 'utf8',
  });
  assert.deepEqual([ran.stdout, ran.stderr], [`${version}\n`, '']);
  assert.equal(readFileSync(join(release, 'bin', 'node')).equals(readFileSync(process.execPath)), true);

  await readsAside(t, release, join(folder, 'home'));

  const unpacked = join(folder, 'unpacked');
  unpack(tarball, unpacked);
  assert.equal(readRelease(unpacked).version, version);

  assert.equal(basename(made(checkout, join(folder, 'again'))), version);
});

/** A service of the release that reads in a thread of its own, whose program is a file of the release too: what it finds shows. */
async function readsAside(t: TestContext, release: string, directory: string): Promise<void> {
  const home = homeOf({ VIGIL_HOME: directory });
  prepareHome(home);
  writeFileSync(home.config, '');
  const store = await openStore({ directory: home.state, principal: 'memory' });
  const sql = (text: string) => ({ verb: 'test', sql: text, args: [] });
  await store.commit([
    sql(`INSERT INTO passage (id, scope, conversation, turn_id, role, author, at, trust, day, text, context, pairs)
         VALUES (20001, 'owner', 'terminal:main', 't', 'user', '', 1, 3, '', 'tramontana', '', '')`),
    sql(`INSERT INTO passage_fts (passage_fts) VALUES ('delete-all')`),
  ]);
  const service = spawn(join(release, 'bin', 'node'), [join(release, 'services', 'memory.cjs')], {
    env: { VIGIL_HOME: directory, VIGIL_CONSOLE: 'off' },
    stdio: 'ignore',
  });
  t.after(() => service.kill('SIGKILL'));
  const found = sql(`SELECT rowid FROM passage_fts WHERE passage_fts MATCH 'tramontana'`);
  await until('the index is mended', async () => (await store.read(found)).length === 1);
  service.kill('SIGTERM');
  assert.deepEqual(await once(service, 'close'), [143, null]);
  await store.close();
}

test('a release that is not whole, or not as it was released, is refused', (t) => {
  const folder = scratch(t);
  const release = join(folder, 'release');
  const fresh = () => {
    rmSync(release, { recursive: true, force: true });
    cpSync(join(root, 'scripts', 'units'), join(release, 'bin'), { recursive: true });
    writeFileSync(join(release, 'package.json'), '{"version":"1.2.3-12345678"}');
    const files = execFileSync('find . -type f | sed s,./,, | sort | xargs sha256sum', {
      cwd: release,
      shell: '/bin/sh',
    });
    writeFileSync(join(release, MANIFEST), files);
  };
  const refused = (harm: () => void, words: RegExp) => {
    fresh();
    assert.equal(readRelease(release).version, '1.2.3-12345678');
    harm();
    assert.throws(() => readRelease(release), words);
  };
  refused(() => rmSync(join(release, 'bin', 'unit-failed')), /bin\/unit-failed is missing/);
  refused(
    () => appendFileSync(join(release, 'package.json'), ' '),
    /package\.json is not the file that was released/,
  );
  refused(() => writeFileSync(join(release, 'bin', 'extra'), ''), /bin\/extra does not belong to it/);
  refused(() => rmSync(join(release, MANIFEST)), /it has no MANIFEST\.sha256/);
  assert.throws(() => unpack(join(root, 'README.md'), join(folder, 'x')), /README\.md cannot be unpacked/);
});
