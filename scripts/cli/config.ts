import type { Command } from 'commander';
import { homeOf } from '#shared/runtime/home.ts';

export function config(program: Command): void {
  const verb = program.command('config').description('What Vigil is set to.');
  verb
    .command('check')
    .description('Check config.toml, and say what is wrong with it.')
    .option('--json', 'print the settings as they are in force')
    .action(async (options: { json?: boolean }) => {
      const { checkConfig } = await import('#shared/runtime/config.ts');
      const { sections } = await import('../sections.ts');
      const { config: file } = homeOf();
      const values = checkConfig(file, sections);
      process.stdout.write(options.json ? `${JSON.stringify(values)}\n` : `${file} is in order\n`);
    });
}
