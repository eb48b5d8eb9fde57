/** Another release for tests of upgrades: like one that there is, with other files. */

import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MANIFEST } from '#shared/runtime/releases.ts';
import { filesOf, sha256 } from './release.ts';

/**
 * @param files null: it has no such file
 * @returns where it lies: beside the first
 */
export function variantOf(
  release: string,
  version: string,
  files: { [path: string]: string | null } = {},
): string {
  const path = join(dirname(release), version);
  execFileSync('cp', ['-al', release, path]);
  const own = { name: 'vigil', version, private: true, type: 'module' };
  for (const [file, text] of Object.entries({ ...files, 'package.json': JSON.stringify(own) })) {
    rmSync(join(path, file), { force: true }); // a link: the other release has it too
    if (text !== null) writeFileSync(join(path, file), text);
  }
  rmSync(join(path, MANIFEST));
  const lines = filesOf(path).map((file) => `${sha256(join(path, file))}  ${file}\n`);
  writeFileSync(join(path, MANIFEST), lines.join(''));
  return path;
}
