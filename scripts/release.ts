/**
 * A release: all that runs, in one folder that needs nothing of this checkout and nothing of npm.
 *
 *   bin/                  node (its own), vigil, with-notify-fd, and the programs that the units name
 *   services/*.cjs        a bundle for each service
 *   vigil.js, vigil-*.js  the command line
 *   node_modules/         what cannot be bundled
 *   shared/store/         the migrations, and the schema that they make
 *   systemd/, launchd/    what supervisors read
 *   prometheus/           the alert rules, for those who have one
 *   package.json          its version: that of the sources, and the first 8 digits of the hash of everything here
 *   MANIFEST.sha256       the hash of every other file: sha256sum -c
 *
 * The same sources make the same version, on the same platform.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '#shared/base/root.ts';
import { MANIFEST } from '#shared/runtime/releases.ts';
import { filesOf, type Release, readRelease, sha256, tryRelease } from './host/release.ts';

const USAGE = `scripts/release [--tarball] [FOLDER]

Makes a release of this checkout, as FOLDER/<version> (default: .releases/<version>), and prints where it lies.

  --tarball   packs it as well, as FOLDER/vigil-<version>-<platform>.tar.gz
`;

const platform = `${process.platform}-${process.arch}`;

/** @param node the Node that it takes along */
export function makeRelease(folder: string, node: string): Release {
  // Not the one that scripts/start runs, and that another run may put a new one in the place of.
  const bundles = join(root, `.build-release-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const part = join(folder, `${process.pid}.tmp`);
  try {
    execFileSync(process.execPath, [join(root, 'scripts', 'bundle.ts'), bundles], {
      cwd: root,
      stdio: 'inherit',
    });
    gather(part, node, bundles);
    const contents = manifestOf(part);
    const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const digest = createHash('sha256').update(`${version}\n${contents}`).digest('hex').slice(0, 8);
    const own = { name, version: `${version}-${digest}`, license, private: true, type: 'module' };
    writeFileSync(join(part, 'package.json'), `${JSON.stringify(own, null, 2)}\n`);
    writeFileSync(join(part, MANIFEST), manifestOf(part));
    const target = join(folder, own.version);
    rmSync(target, { recursive: true, force: true });
    renameSync(part, target);
    const release = readRelease(target);
    tryRelease(release);
    return release;
  } finally {
    rmSync(bundles, { recursive: true, force: true });
    rmSync(part, { recursive: true, force: true });
  }
}

function gather(part: string, node: string, bundles: string): void {
  const put = (from: string, to: string, mode = 0o644) => {
    mkdirSync(dirname(join(part, to)), { recursive: true, mode: 0o755 });
    cpSync(from, join(part, to), {
      recursive: true,
      dereference: true,
      filter: (path) => !path.endsWith('.test.ts'),
    });
    if (mode !== 0o644) chmodSync(join(part, to), mode);
  };
  put(node, 'bin/node', 0o755);
  put(join(root, 'scripts', 'with-notify-fd'), 'bin/with-notify-fd', 0o755);
  const programs = join(root, 'scripts', 'units');
  for (const name of existsSync(programs) ? readdirSync(programs) : []) {
    if (!name.includes('.')) put(join(programs, name), `bin/${name}`, 0o755);
  }
  writeFileSync(join(part, 'bin', 'vigil'), VIGIL);
  chmodSync(join(part, 'bin', 'vigil'), 0o755);
  for (const name of readdirSync(bundles)) {
    if (/^(services$|vigil)/.test(name)) put(join(bundles, name), name);
  }
  for (const path of [
    'README.md',
    'LICENSE',
    'config.example.toml',
    'package-lock.json',
    'launchd',
    'prometheus',
    'systemd',
    'shared/store/schema.sql',
    'shared/store/migrations',
  ]) {
    put(join(root, path), path);
  }
  packages(put);
}

/** Of the driver of the store, what runs here. What builds a sandbox on a Mac is read there alone. */
function packages(put: (from: string, to: string) => void): void {
  const { resolve: find } = createRequire(join(root, 'package.json'));
  const driver = dirname(find('better-sqlite3/package.json'));
  for (const path of ['package.json', 'LICENSE', 'lib'])
    put(join(driver, path), `node_modules/better-sqlite3/${path}`);
  for (const name of readdirSync(join(driver, 'prebuilds'))) {
    if (new RegExp(`^${process.platform}(musl)?-${process.arch}\\.node$`).test(name)) {
      put(join(driver, 'prebuilds', name), `node_modules/better-sqlite3/prebuilds/${name}`);
    }
  }
  if (process.platform === 'darwin') closure('@anthropic-ai/sandbox-runtime', put);
}

/** A package with all that it depends on; what it alone needs in another version lies in it already. */
function closure(name: string, put: (from: string, to: string) => void, taken = new Set<string>()): void {
  if (taken.has(name)) return;
  taken.add(name);
  const folder = join(root, 'node_modules', name);
  put(folder, `node_modules/${name}`);
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  for (const needed of Object.keys(dependencies)) {
    if (!existsSync(join(folder, 'node_modules', needed))) closure(needed, put, taken);
  }
}

/** Found through any link, it runs its own program with its own Node. */
const VIGIL = `#!/bin/sh
release=$(dirname "$(dirname "$(readlink -f "$0")")")
exec "$release/bin/node" "$release/vigil.js" "$@"
`;

function manifestOf(folder: string): string {
  return filesOf(folder)
    .filter((file) => file !== MANIFEST)
    .map((file) => `${sha256(join(folder, file))}  ${file}\n`)
    .join('');
}

/** The same release makes the same tarball, where tar can be told what to leave out. */
function pack({ folder, version }: Release): string {
  const tarball = join(dirname(folder), `vigil-${version}-${platform}.tar.gz`);
  const gnu = spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout.includes('GNU tar');
  const plain = gnu
    ? [
        '--sort=name',
        '--mtime=@0',
        '--owner=0',
        '--group=0',
        '--numeric-owner',
        '--mode=u+w,go-w',
        '-I',
        'gzip -n3',
      ]
    : [];
  const part = `${tarball}.tmp`;
  execFileSync('tar', [...plain, '-C', dirname(folder), gnu ? '-cf' : '-czf', part, basename(folder)], {
    stdio: 'inherit',
    // A Mac's tar would pack a file `._name` beside each that has attributes, and they belong to no release.
    env: { ...process.env, COPYFILE_DISABLE: '1' },
  });
  renameSync(part, tarball);
  return tarball;
}

const { values, positionals } = parseArgs({
  options: { node: { type: 'string' }, tarball: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  allowPositionals: true,
});
if (values.help) process.stdout.write(USAGE);
else {
  const release = makeRelease(
    resolve(positionals[0] ?? join(root, '.releases')),
    values.node ?? process.execPath,
  );
  process.stderr.write(
    `vigil ${release.version} for ${platform}: ${Math.round(release.bytes / 2 ** 20)} MB\n`,
  );
  process.stdout.write(`${values.tarball ? pack(release) : release.folder}\n`);
}
