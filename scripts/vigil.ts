/** The command line: `scripts/vigil --help`. */

import { Command } from 'commander';
import { codeOf, Misconfigured } from '#shared/base/errors.ts';
import { version } from '#shared/base/root.ts';
import { chat } from './cli/chat.ts';
import { config } from './cli/config.ts';
import { send } from './cli/send.ts';
import { status } from './cli/status.ts';

const program = new Command('vigil')
  .description('Vigil, an always-on personal AI agent.')
  .version(version)
  .showHelpAfterError()
  .addHelpText('after', '\nVIGIL_HOME says where Vigil keeps its things (default: .vigil/ in the checkout).');
for (const add of [status, chat, send, config]) add(program);

// `vigil status | head -1`: whoever read has read enough.
process.stdout.on('error', (error) => {
  if (codeOf(error) !== 'EPIPE') throw error;
  process.exit(0);
});

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof Misconfigured)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 78;
}
