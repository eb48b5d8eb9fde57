/**
 * A hundred chats at once, for two minutes, against a model with a median of 600 ms: what everybody waits, and what of it is
 * Vigil's own.
 *
 *   node bench/users.ts [--chats 100] [--minutes 2|30] [--median-ms 600] [--json]
 *
 * The same as `scripts/vigil loadtest`.
 */

import { Command } from 'commander';
import { loadtest } from '../scripts/cli/loadtest.ts';

const program = new Command('users');
loadtest(program);
await program.parseAsync(['loadtest', ...process.argv.slice(2)], { from: 'user' });
