/** Whether programs run in the sandbox: as the service says that uses it, else by running one here. */

import { existsSync } from 'node:fs';
import { probeSandbox } from '../../../services/tools/probe.ts';
import { cureOf, thisSystem } from '../setup/sandbox.ts';
import { type Check, enter, fault, fine, unseen } from './check.ts';
import { running } from './services.ts';

export const sandbox: Check = {
  name: 'sandbox',
  async run({ store, home, now }) {
    enter(home.state);
    if (!existsSync(home.workspace)) return unseen('nothing was started here yet');
    const tools = store ? await running(store, 'tools', now) : undefined;
    // Its own user may do less, or more, than whoever asks.
    const why = tools
      ? /sandbox/.test(tools.problem ?? '')
        ? tools.problem
        : null
      : await probeSandbox(home);
    if (why === null)
      return fine(tools ? 'the service tools has run a program in it' : 'a program runs in it');
    return fault(why.split('; cure: ')[0] ?? why, cureOf(why, thisSystem()));
  },
};
