import type { Command } from 'commander';
import { checkConfig } from '#shared/runtime/config.ts';
import { homeOf } from '#shared/runtime/home.ts';
import { sections } from '../sections.ts';

export function config(program: Command): void {
  const verb = program.command('config').description('What Vigil is set to.');
  verb
    .command('check')
    .description('Check config.toml, and say what is wrong with it.')
    .option('--json', 'print the settings as they are in force')
    .action((options: { json?: boolean }) => {
      const { config: file } = homeOf();
      const values = checkConfig(file, sections);
      process.stdout.write(options.json ? `${JSON.stringify(values)}\n` : `${file} is in order\n`);
    });
}
