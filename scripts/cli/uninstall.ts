import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { Misconfigured } from '#shared/base/errors.ts';
import { installedPlace } from '../host/host.ts';

export function uninstall(program: Command): void {
  program
    .command('uninstall')
    .description('Take the installation away: services, units, releases. What it has kept stays.')
    .option(
      '--purge',
      'remove what it has kept as well: config, credentials, store, workspace, logs; asks first',
    )
    .option('--dry-run', 'say all that would be done, and do nothing')
    .action(async (options: { purge?: boolean; dryRun?: boolean }) => {
      const place = installedPlace();
      if (!place) {
        throw new Misconfigured('uninstall: nothing is installed here', 'there is nothing to do');
      }
      // All of it now: its own file is about to go.
      const { dataOf, uninstall } = await import('../host/uninstall.ts');
      const { purge = false, dryRun = false } = options;
      const data = dataOf(place).join(', ');
      if (purge && !dryRun) await demandWord(`This deletes ${data}, for good.`);
      const say = (line: string) => void process.stdout.write(`${line}\n`);
      const count = await uninstall({ place, purge, dryRun, say });
      if (dryRun) say(`\n${count} steps; nothing was changed`);
      else say(purge ? 'nothing of Vigil is left' : `Vigil is not installed any more; it has left ${data}`);
    });
}

async function demandWord(warning: string): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  const word = await Promise.race([terminal.question(`${warning}\nType the word purge to go on: `), ended]);
  terminal.close();
  if (word.trim() !== 'purge')
    throw new Misconfigured('uninstall: the word was not typed; nothing was changed', 'type: purge');
}
