/** The command line: `scripts/vigil --help`. */

import { Command, CommanderError } from 'commander';
import { codeOf, Misconfigured } from '#shared/base/errors.ts';
import { version } from '#shared/base/root.ts';
import { homeOf, umaskOf } from '#shared/runtime/home.ts';
import { alarm } from './cli/alarm.ts';
import { approve } from './cli/approve.ts';
import { backup } from './cli/backup.ts';
import { budget } from './cli/budget.ts';
import { chat } from './cli/chat.ts';
import { config } from './cli/config.ts';
import { webConsole } from './cli/console.ts';
import { cost } from './cli/cost.ts';
import { credentials } from './cli/credentials.ts';
import { decisions } from './cli/decisions.ts';
import { doctor } from './cli/doctor.ts';
import { explain } from './cli/explain.ts';
import { halt, resume } from './cli/halt.ts';
import { install } from './cli/install.ts';
import { jobs } from './cli/jobs.ts';
import { key } from './cli/key.ts';
import { loadtest } from './cli/loadtest.ts';
import { logs } from './cli/logs.ts';
import { mcp } from './cli/mcp.ts';
import { members } from './cli/members.ts';
import { memory } from './cli/memory.ts';
import { off, on } from './cli/off.ts';
import { pair } from './cli/pair.ts';
import { permissions } from './cli/permissions.ts';
import { report } from './cli/report.ts';
import { restart } from './cli/restart.ts';
import { retry } from './cli/retry.ts';
import { send } from './cli/send.ts';
import { setup } from './cli/setup.ts';
import { share } from './cli/share.ts';
import { status } from './cli/status.ts';
import { task } from './cli/task.ts';
import { uninstall } from './cli/uninstall.ts';
import { rehearse, releases, rollback, upgrade } from './cli/upgrade.ts';
import { upstream } from './cli/upstream.ts';
import { NotPermitted } from './host/permit.ts';

const verbs = [
  setup,
  status,
  doctor,
  webConsole,
  alarm,
  upstream,
  chat,
  send,
  task,
  jobs,
  approve,
  permissions,
  halt,
  resume,
  explain,
  decisions,
  memory,
  retry,
  cost,
  report,
  budget,
  pair,
  members,
  share,
  mcp,
  key,
  backup,
  config,
  install,
  uninstall,
  credentials,
  logs,
  restart,
  off,
  on,
  upgrade,
  rollback,
  releases,
  rehearse,
  loadtest,
];

const program = new Command('vigil')
  .description('Vigil, an always-on personal AI agent.')
  .version(version)
  .exitOverride()
  .showHelpAfterError('--help says what is expected')
  .addHelpText('after', '\nVIGIL_HOME says where Vigil keeps its things (default: .vigil/ in the checkout).');
for (const add of verbs) add(program);

// What the command line makes in a shared state, root's too, the services can write.
process.umask(umaskOf(homeOf()));

// With somebody's own PATH sudo does not find what makes users and groups.
if (process.getuid?.() === 0) process.env.PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;

// `vigil status | head -1`: whoever read has read enough.
process.stdout.on('error', (error) => {
  if (codeOf(error) !== 'EPIPE') throw error;
  process.exit(0);
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 64; // EX_USAGE of sysexits.h; commander has said what is wrong
  } else if (error instanceof Misconfigured) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error instanceof NotPermitted ? 77 : 78; // EX_NOPERM, EX_CONFIG
  } else throw error;
}
