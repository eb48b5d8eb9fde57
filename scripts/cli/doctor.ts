/** Looks at every promise of the installation, and says the cure for each that is not kept. Changes nothing. */

import { styleText } from 'node:util';
import type { Command } from 'commander';
import { codeOf, Misconfigured, messageOf } from '#shared/base/errors.ts';
import { onMac } from '#shared/runtime/launchctl.ts';
import type { Check, Facts, Finding } from './doctor/check.ts';

export function doctor(program: Command): void {
  program
    .command('doctor')
    .description('Look at all that could be wrong, and say the cure for what is.')
    .option('--json', 'print [{ name, state, what, cure }]')
    .action(run);
}

/** In the order in which they are read. */
async function checks(): Promise<Check[]> {
  const config = await import('./doctor/config.ts');
  const credentials = await import('./doctor/credentials.ts');
  const disk = await import('./doctor/disk.ts');
  const network = await import('./doctor/network.ts');
  const { memory } = await import('./doctor/memory.ts');
  const { night } = await import('./doctor/night.ts');
  const services = await import('./doctor/services.ts');
  const supervision = await import('./doctor/supervision.ts');
  const { sandbox } = await import('./doctor/sandbox.ts');
  return [
    ...[config.config, credentials.permissions, services.store, services.switches],
    ...[services.services, services.versions, services.incidents],
    ...[supervision.units, supervision.linger, supervision.limits],
    ...(onMac ? [night] : []),
    ...[disk.disk, disk.backup, disk.workspace, network.clock, config.timeZone, sandbox],
    memory,
    ...[credentials.tokens, network.telegram, services.poller, network.provider, config.prices],
    ...[credentials.secondRoute, network.alarm],
  ];
}

/** What cannot be looked at is said, and is no reason to look at nothing else. */
export async function examine(check: Check, facts: Facts, root = process.getuid?.() === 0): Promise<Finding> {
  try {
    return await check.run(facts);
  } catch (error) {
    const code = codeOf(error) || codeOf(error instanceof Error ? error.cause : undefined);
    if (/^(EACCES|EPERM|SQLITE_(CANTOPEN|READONLY|PERM))/.test(code) && !root)
      return {
        state: 'unseen',
        what: messageOf(error).split('\n')[0] ?? '',
        cure: 'look as root: sudo vigil doctor',
      };
    if (!(error instanceof Misconfigured)) throw error;
    const [what = ''] = error.message.split('\n  cure: ');
    return { state: 'fault', what, cure: error.cure };
  }
}

async function run(options: { json?: boolean }): Promise<void> {
  const { handOver, placeHere } = await import('./installed.ts');
  if (await handOver(placeHere())) return;
  const { gather } = await import('./doctor/facts.ts');
  const facts = await gather();
  try {
    const found = await Promise.all(
      (await checks()).map(async (check) => ({ name: check.name, ...(await examine(check, facts)) })),
    );
    process.stdout.write(options.json ? `${JSON.stringify(found)}\n` : report(found));
    if (found.some(({ state }) => state === 'fault')) process.exitCode = 1;
  } finally {
    await facts.store?.close();
  }
}

const MARKS = {
  fine: ['green', '✓'],
  warning: ['yellow', '!'],
  fault: ['red', '✗'],
  unseen: ['dim', '–'],
} as const;

function report(found: readonly (Finding & { name: string })[]): string {
  const width = Math.max(...found.map(({ name }) => name.length));
  let last: string | undefined;
  return found
    .map(({ name, state, what, cure }) => {
      const [colour, mark] = MARKS[state];
      const line = `${styleText(colour, mark)} ${name.padEnd(width)}  ${what}\n`;
      const said = cure === last && state === 'unseen';
      last = cure ?? last;
      return cure === undefined || said ? line : `${line}${' '.repeat(width + 4)}cure: ${cure}\n`;
    })
    .join('');
}
