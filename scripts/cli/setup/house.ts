/** The house while the setup needs one: the one that runs, or its own, which ends with the need. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Misconfigured } from '#shared/base/errors.ts';
import { root } from '#shared/base/root.ts';
import type { ServiceName } from '#shared/manifest.ts';
import { type Home, lockOf, prepareHome } from '#shared/runtime/home.ts';
import { programs, startSuite } from '#shared/runtime/suite.ts';
import { isLocked } from '#shared/store/liveness.ts';

export function runs(home: Home, service: ServiceName): boolean {
  return isLocked(lockOf(home, service));
}

/** Somebody else's house takes a changed secret up when its service is started again. */
export function askRestart(home: Home, service: ServiceName): void {
  if (!runs(home, service)) return;
  mkdirSync(home.restarts, { recursive: true, mode: 0o700 });
  writeFileSync(join(home.restarts, service), 'vigil setup: a secret has changed\n', { mode: 0o660 });
}

/** @throws Misconfigured when `wanted` does not come up, with its own words */
export async function withHouse<Result>(
  home: Home,
  wanted: ServiceName,
  work: () => Promise<Result>,
): Promise<Result> {
  if (runs(home, wanted)) return work();
  if (runs(home, 'core')) {
    throw new Misconfigured(
      `setup: Vigil runs on ${home.directory}, but ${wanted} does not`,
      'stop it (Ctrl-C where it runs), and go on: vigil setup',
    );
  }
  prepareHome(home);
  const said: string[] = [];
  const suite = await startSuite({ home, program, say: (text) => void said.push(text), console: 'off' });
  try {
    const { ready } = await suite.ready;
    if (!ready.includes(wanted)) {
      const [what = `${wanted} does not start`, cure = 'see its log'] = said
        .filter((text) => text.startsWith(`${wanted}: `))
        .join('')
        .trim()
        .split('\n  cure: ');
      throw new Misconfigured(what, cure);
    }
    return await work();
  } finally {
    suite.stop();
    await suite.ended;
  }
}

/** What lies beside this very code: a release's programs, bundles, or sources. */
function program(name: ServiceName): string {
  const released = join(root, 'services', `${name}.cjs`);
  if (existsSync(released)) return released;
  return programs(import.meta.filename.endsWith('.ts') ? undefined : join(root, '.build', 'services'))(name);
}
