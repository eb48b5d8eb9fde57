/**
 * The foreground suite, for scripts/start: every service as a child, and a chat in the terminal unless --no-chat.
 * Ends with 0 after a drain, and with 78 when nothing could run until a person mends something.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, Misconfigured } from '#shared/base/errors.ts';
import { root } from '#shared/base/root.ts';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { programs, startSuite } from '#shared/runtime/suite.ts';

const USAGE = `scripts/start [--no-chat] [--sources]

Starts Vigil in the foreground, with a chat in the terminal. Ctrl-C drains and ends it.

  --no-chat   without the chat: prints 'vigil ready' when every service is ready
  --sources   runs the sources instead of bundles

VIGIL_HOME   where Vigil keeps its things (default: .vigil/ in the checkout)
`;

const args = process.argv.slice(2);
const unknown = args.find((arg) => !['--no-chat', '--sources', '--help', '-h'].includes(arg));
if (args.includes('--help') || args.includes('-h')) {
  process.stdout.write(USAGE);
  process.exit(0);
}
if (unknown !== undefined) {
  process.stderr.write(`scripts/start: unknown option ${unknown}\n\n${USAGE}`);
  process.exit(2);
}

const bundles = join(root, '.build', 'services');
const bundled = !args.includes('--sources') && existsSync(bundles);
const chats = !args.includes('--no-chat');
const home = homeOf();

// A suite whose words nobody reads any more goes on with its work.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (codeOf(error) !== 'EPIPE') throw error;
  });
}

async function start(): Promise<number> {
  process.umask(0o077);
  for (const path of prepareHome(home)) process.stdout.write(`made ${path}\n`);
  const suite = await startSuite({
    home,
    program: programs(bundled ? bundles : undefined),
    say: (text) => process.stderr.write(text),
    console: chats ? 'off' : 'human',
  });
  process.on('SIGTERM', suite.stop);
  process.on('SIGINT', suite.stop);
  suite.ready.then(({ took_ms, ready, down, off }) => {
    if (ready.length === 0) return;
    const without = [
      ...down.map((name) => `${name} is down`),
      ...off.map((name) => `${name} is off: no credentials/${name}.env`),
    ];
    const note = without.length > 0 ? ` (${without.join(', ')})` : '';
    process.stdout.write(`vigil ready in ${took_ms} ms: ${ready.join(', ')}${note}\n`);
    if (chats) chat();
  });

  const chat = () => {
    const program = bundled ? join(root, '.build', 'vigil.js') : join(root, 'scripts', 'vigil.ts');
    const child = spawn(process.execPath, [program, 'chat'], {
      stdio: 'inherit',
      env: { ...process.env, VIGIL_HOME: home.directory },
    });
    child.once('close', suite.stop);
    // Whoever else ended it leaves nobody to talk to.
    suite.ended.then(() => child.kill());
  };
  return suite.ended;
}

start().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    if (!(error instanceof Misconfigured)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 78;
  },
);
