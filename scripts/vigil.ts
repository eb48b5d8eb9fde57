/** The command line: `scripts/vigil --help`. */

import { Command, CommanderError } from 'commander';
import { codeOf, Misconfigured } from '#shared/base/errors.ts';
import { version } from '#shared/base/root.ts';
import { approve } from './cli/approve.ts';
import { budget } from './cli/budget.ts';
import { chat } from './cli/chat.ts';
import { config } from './cli/config.ts';
import { cost } from './cli/cost.ts';
import { key } from './cli/key.ts';
import { loadtest } from './cli/loadtest.ts';
