import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
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
import { test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { services } from '#shared/manifest.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { MANIFEST, readRelease, unpack } from './host/release.ts';

/** Makes a release of the sources in `checkout`. */
function made(checkout: string, folder: string, ...args: string[]): string {
  const program = join(checkout, 'scripts', 'release.ts');
  return execFileSync(process.execPath, [program, ...args, folder], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

test('a release is whole, runs by itself, and is the same when it is made again', (t) => {
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

  const unpacked = join(folder, 'unpacked');
  unpack(tarball, unpacked);
  assert.equal(readRelease(unpacked).version, version);

  assert.equal(basename(made(checkout, join(folder, 'again'))), version);
});

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
