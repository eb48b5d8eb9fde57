/** The command line as a user's shell runs it. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { root } from '../base/root.ts';
import { type Home, homeOf } from '../runtime/home.ts';
import { openStore, type Store } from '../store/store.ts';
import { PATIENCE_ms, scratch } from './scratch.ts';

export type Printed = { code: number | null; stdout: string; stderr: string };

/** A home whose store is the router's to write and where nobody runs. */
export async function quietHome(t: TestContext, config = ''): Promise<{ home: Home; router: Store }> {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  writeFileSync(home.config, config, { mode: 0o600 });
  const router = await openStore({ directory: home.state, principal: 'router', flush: 'normal' });
  t.after(() => router.close());
  return { home, router };
}

/** Runs `vigil` with these arguments on this home, with `input` as its standard input. */
export function vigil(home: Home, args: string[], input = ''): Promise<Printed> {
  const env = { ...process.env, VIGIL_HOME: home.directory, NO_COLOR: '1' };
  return printed([process.execPath, join(root, 'scripts', 'vigil.ts'), ...args], { env, input });
}

/** Runs a command to its end, and gives back what it printed. */
export async function printed(
  [program = '', ...args]: readonly string[],
  {
    env,
    input = '',
    timeout_ms = PATIENCE_ms,
  }: { env: NodeJS.ProcessEnv; input?: string; timeout_ms?: number },
): Promise<Printed> {
  const child = spawn(program, args, { env, timeout: timeout_ms, killSignal: 'SIGKILL' });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text) => {
      said[stream] += text;
    });
  }
  child.stdin.on('error', () => {}); // one that has refused already reads no further
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, ...said };
}
