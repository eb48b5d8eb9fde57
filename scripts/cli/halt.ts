/** The halt, by hand. It asks no service and opens no store, so that it works when those do not. */

import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { codeOf, Misconfigured, messageOf } from '#shared/base/errors.ts';
import { halt as haltAll, haltedBecause, resume as resumeAll } from '#shared/runtime/halt.ts';
import { type Home, homeOf } from '#shared/runtime/home.ts';

export function halt(program: Command): void {
  program
    .command('halt')
    .description('Halt everything that costs money or does something, at once, until vigil resume.')
    .argument('[reason...]', 'what for; whoever asks why nothing moves is told')
    .action((words: string[]) => {
      const home = homeOf();
      const why = ['vigil halt', `by ${userInfo().username}`, ...(words.length > 0 ? ['–', ...words] : [])];
      const made = tried(home, () => haltAll(home.halted, why.join(' ')));
      process.stdout.write(
        made
          ? `halted: no model is asked and no tool runs, also after a restart, until: scripts/vigil resume\n`
          : `it was halted already: ${haltedBecause(home.halted)}\n`,
      );
    });
}

export function resume(program: Command): void {
  program
    .command('resume')
    .description('End the halt: what waits goes on.')
    .action(() => {
      const home = homeOf();
      const why = haltedBecause(home.halted);
      const ended = tried(home, () => resumeAll(home.halted));
      process.stdout.write(ended ? `resumed; it was halted: ${why}\n` : 'nothing was halted\n');
    });
}

function tried(home: Home, step: () => boolean): boolean {
  try {
    return step();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      throw new Misconfigured(
        `vigil: there is nothing at ${home.directory} yet`,
        'set VIGIL_HOME to where Vigil runs',
      );
    }
    throw new Misconfigured(
      `halt: ${home.halted} can neither be made nor removed (${messageOf(error)})`,
      'do it as the user that Vigil runs as, or stop Vigil: that halts it too',
      { cause: error },
    );
  }
}
