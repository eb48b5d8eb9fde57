/**
 * How long an owner waits: the verbs of an installation, as they are typed, on a machine booted for it with a real
 * systemd (scripts/with-systemd: Linux, root). Two releases that differ in their version alone, all services ready each
 * time.
 *
 *   node bench/upgrade.ts [--runs 10]
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '#shared/base/root.ts';
import { boxFor } from '#shared/testing/box.ts';
import { checkout, SECRETS, startWorld } from '#shared/testing/box-world.ts';
import { variantOf } from '../scripts/host/variant.ts';
import { median, table } from './table.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '10' } } });

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'vigil-bench-')));
const ends: (() => Promise<void>)[] = [];
try {
  const program = join(root, 'scripts', 'release');
  const first = execFileSync(program, [folder], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
  const second = variantOf(first, '9.9.9-00000000');
  const box = await boxFor(
    { after: (end) => void ends.push(end) },
    { binds: { [folder]: '/mnt/releases', ...checkout } },
  );
  await startWorld(box);
  const took = new Map<string, number[]>();
  async function timed(verb: string, command: string): Promise<void> {
    const began = performance.now();
    await box.must(command);
    took.set(verb, [...(took.get(verb) ?? []), performance.now() - began]);
  }
  for (let run = 0; run < Number(values.runs); run++) {
    await timed(
      'install',
      `/mnt/releases/${basename(first)}/bin/vigil install --credentials ${SECRETS} --yes`,
    );
    await timed('upgrade', `vigil upgrade /mnt/releases/${basename(second)}`);
    await timed('rollback', 'vigil rollback');
    await timed('restart', 'vigil restart');
    await timed('off', 'vigil off');
    await timed('on', 'vigil on');
    await timed('uninstall --purge', 'echo purge | vigil uninstall --purge');
  }
  const s = (ms: number) => (ms / 1000).toFixed(2);
  const rows = [...took].map(([verb, all]) => [
    verb,
    s(Math.min(...all)),
    s(median(all)),
    s(Math.max(...all)),
  ]);
  process.stdout.write(`${table([`seconds, of ${values.runs}`, 'min', 'median', 'max'], rows)}\n`);
} finally {
  for (const end of ends) await end();
  rmSync(folder, { recursive: true, force: true });
}
