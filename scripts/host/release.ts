/**
 * A release, as whoever installs it sees it: a folder that is whole, and runs here, or is refused. What is in it, and how
 * it comes to be, is scripts/release.ts's.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { Misconfigured, messageOf } from '#shared/base/errors.ts';
import { MANIFEST } from '#shared/runtime/releases.ts';

export type Release = { folder: string; version: string; bytes: number };

/** Every file below the folder, by its path in it, in order. */
export function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

export function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/**
 * The release in a folder.
 * @throws Misconfigured when a file of it is missing, is another one, or is one too many
 */
export function readRelease(folder: string): Release {
  const damaged = (what: string) =>
    new Misconfigured(
      `release: ${folder} is no whole release: ${what}`,
      'take it from where it came from once more',
    );
  const manifest = join(folder, MANIFEST);
  if (!existsSync(manifest)) throw damaged(`it has no ${MANIFEST}`);
  const lines = readFileSync(manifest, 'utf8').trimEnd().split('\n');
  const wanted = new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
  const files = filesOf(folder).filter((file) => file !== MANIFEST);
  for (const file of files) if (!wanted.has(file)) throw damaged(`${file} does not belong to it`);
  let bytes = 0;
  for (const [file, sum] of wanted) {
    const path = join(folder, file);
    if (!existsSync(path)) throw damaged(`${file} is missing`);
    if (sha256(path) !== sum) throw damaged(`${file} is not the file that was released`);
    bytes += statSync(path).size;
  }
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return { folder, version: String(version), bytes };
}

/** @throws Misconfigured when its Node, or the compiled half of its store, does not run on this machine */
export function tryRelease({ folder, version }: Release): void {
  const program = `const db = new (require('better-sqlite3'))(':memory:'); process.stdout.write('ok ' + process.version)`;
  const { status, stdout, stderr, error } = spawnSync(join(folder, 'bin', 'node'), ['-e', program], {
    cwd: folder,
    env: {},
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (status === 0 && stdout.startsWith('ok ')) return;
  const said = error
    ? messageOf(error)
    : stderr
        .trim()
        .split('\n')
        .find((line) => /rror/.test(line));
  throw new Misconfigured(
    `release: ${version} does not run on this machine (${process.platform}-${process.arch}): ${said ?? `its Node ends with ${status}`}`,
    'take the release that was made for this system',
  );
}

/** Puts what a tarball or a folder holds into a folder that is not there yet, closed to nobody's reading. */
export function unpack(from: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  if (statSync(from).isDirectory()) cpSync(from, folder, { recursive: true, verbatimSymlinks: true });
  else {
    try {
      // --no-same-owner: it is root's, or whoever unpacks it, whoever packed it.
      execFileSync('tar', ['-xzf', from, '-C', folder, '--strip-components=1', '--no-same-owner'], {
        stdio: 'pipe',
      });
    } catch (error) {
      throw new Misconfigured(
        `release: ${from} cannot be unpacked (${messageOf(error)})`,
        'take it from where it came from once more',
        {
          cause: error,
        },
      );
    }
  }
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isSymbolicLink()) chmodSync(path, entry.isDirectory() || isProgram(path) ? 0o755 : 0o644);
  }
  chmodSync(folder, 0o755);
}

function isProgram(path: string): boolean {
  return basename(dirname(path)) === 'bin' && (statSync(path).mode & 0o100) !== 0;
}
