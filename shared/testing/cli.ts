/** The command line as a user's shell runs it. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { root } from '../base/root.ts';
import type { Home } from '../runtime/home.ts';

export type Printed = { code: number | null; stdout: string; stderr: string };

/** Runs `vigil` with these arguments on this home, with `input` as its standard input. */
export async function vigil(home: Home, args: string[], input = ''): Promise<Printed> {
  const child = spawn(process.execPath, [join(root, 'scripts', 'vigil.ts'), ...args], {
    env: { ...process.env, VIGIL_HOME: home.directory, NO_COLOR: '1' },
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text) => {
      printed[stream] += text;
    });
  }
  child.stdin.on('error', () => {}); // one that has refused already reads no further
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, ...printed };
}
