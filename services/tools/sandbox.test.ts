import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { systemClock } from '#shared/base/clock.ts';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore } from '#shared/store/store.ts';
import type { Share } from '#shared/tables/share.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { openEgress } from './egress.ts';
import type { Ended, Program } from './registry.ts';
import { openSandbox } from './sandbox.ts';

const LIMITS = { cpu_s: 20, memory_mb: 1024, processes: 64, wall_ms: 20_000, output_bytes: 100_000 };

async function house(t: TestContext) {
  const home = homeOf({ VIGIL_HOME: realpathSync(scratch(t)) });
  prepareHome(home);
  const store = await openStore({ directory: home.state, principal: 'tools', flush: 'normal' });
  t.after(() => store.close());
  const egress = openEgress({ home, store, clock: systemClock, log: { warn: assert.fail } });
  t.after(() => egress.close());
  const shares: Share[] = [];
  const sandbox = await openSandbox({ home, shares: async () => shares, egress });
  assert.ok(sandbox.available, sandbox.available ? '' : sandbox.why);
  const run = (script: string, more: Partial<Program> = {}): Promise<Ended> =>
    sandbox.run({
      script,
      cwd: home.workspace,
      env: {},
      hosts: [],
      signal: new AbortController().signal,
      limits: LIMITS,
      ...more,
    });
  return { home, store, egress, shares, sandbox, run };
}

test('x', async (t) => {
  const { run } = await house(t);
  const t0 = performance.now();
  const r = await run(
    'ls -l /proc/self/fd; ls /proc/self/fd; mount | grep proc; [ -w /proc/sys/kernel/core_pattern ] && echo WRITABLE; nproc',
  );
  console.log(r.stdout, r.stderr);
  console.log(performance.now() - t0);
  for (let i = 0; i < 5; i++) {
    const t0 = performance.now();
    await run('true');
    console.log(performance.now() - t0);
  }
});
