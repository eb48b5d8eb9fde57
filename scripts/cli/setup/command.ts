/** This very command line, asked from within: the installation's own once there is one. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Visit } from './step.ts';

/** Runs `vigil` with these arguments. @returns its exit code, and what it printed unless that was shown */
export async function vigil(
  { home, place }: Pick<Visit, 'home' | 'place'>,
  args: readonly string[],
  shown: boolean,
): Promise<{ code: number; text: string }> {
  const [program = '', ...own] = place
    ? [place.command]
    : [process.execPath, ...process.execArgv, process.argv[1] ?? ''];
  const child = spawn(program, [...own, ...args], {
    // An installation knows its home by itself.
    env: place ? process.env : { ...process.env, VIGIL_HOME: home.directory },
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
