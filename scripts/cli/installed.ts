/** The installation's own command line, which knows its own store: another version's must not open it. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename, dirname, join } from 'node:path';
import { root } from '#shared/base/root.ts';
import type { Home } from '#shared/runtime/home.ts';
import { installedPlace } from '../host/host.ts';
import type { Place } from '../host/place.ts';

/** The installation that is meant: the one this command is part of, or the one there is, unless VIGIL_HOME says otherwise. */
export function placeHere(): Place | null {
  return process.env.VIGIL_HOME ? null : installedPlace();
}

/** Not the command itself: an installation that was cut off may have none yet. */
const programOf = ({ prefix }: Place) => join(prefix, 'current', 'bin', 'vigil');

/** A checkout's command on a machine where Vigil is installed leaves the work to the installed one. */
export async function handOver(place: Place | null): Promise<boolean> {
  if (!place || basename(dirname(root)) === 'releases') return false;
  const child = spawn(programOf(place), process.argv.slice(2), { stdio: 'inherit' });
  const [code] = await once(child, 'close');
  process.exitCode = typeof code === 'number' ? code : 1;
  return true;
}

/**
 * Runs `vigil` with these arguments: the installation's, or else this very one.
 * @returns its exit code, and what it printed unless that was shown
 */
export async function vigil(
  { home, place }: { home: Home; place: Place | null },
  args: readonly string[],
  shown: boolean,
): Promise<{ code: number; text: string }> {
  const here = [process.execPath, ...process.execArgv, process.argv[1] ?? ''];
  const [program = '', ...own] = place ? [programOf(place)] : here;
  const child = spawn(program, [...own, ...args], {
    // An installation knows its home by itself.
    env: { ...process.env, VIGIL_HOME: place ? undefined : home.directory },
    stdio: shown ? 'inherit' : ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const [code] = await once(child, 'close');
  return { code: typeof code === 'number' ? code : 1, text: text.trim() };
}
