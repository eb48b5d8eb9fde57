/** What calls have left behind for the model to look at: long results and copies of files. Nobody asks for them a month later. */

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '#shared/base/errors.ts';
import type { Home } from '#shared/runtime/home.ts';
import { inFolder, placeOf } from './place.ts';
import { RESULTS } from './result.ts';

const MOST_AGE_ms = 30 * 86_400_000;

/** Removes what is older; says how many. What came with messages lies in the same folder, by itself: that is not touched. */
export async function prune(home: Home, now: number): Promise<number> {
  let gone = 0;
  const outdated = async (path: string) => {
    const left = await stat(path).catch((error) => {
      if (codeOf(error) !== 'ENOENT') throw error;
    });
    return left !== undefined && left.mtimeMs < now - MOST_AGE_ms;
  };
  for (const one of await readdir(home.files, { withFileTypes: true })) {
    const path = join(home.files, one.name);
    if (!one.isDirectory() || !(await outdated(path))) continue;
    await rm(path, { recursive: true, force: true });
    gone += 1;
  }
  // Programs may put anything there: no link is followed, and no folder gone into.
  await inFolder(join(placeOf('.', home), RESULTS), async (at) => {
    for (const one of await readdir(at('.'), { withFileTypes: true })) {
      if (!one.isFile() || !(await outdated(at(one.name)))) continue;
      await rm(at(one.name), { force: true });
      gone += 1;
    }
  }).catch((error) => {
    // Nothing was long yet, or a program has put something else in its place.
    if (!['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error))) throw error;
  });
  return gone;
}
