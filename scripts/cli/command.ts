/** The commands that a terminal answers by itself, as every channel does: nothing needs to be alive for them. */

import { userInfo } from 'node:os';
import { commandList, commands, readCommand } from '#shared/commands.ts';
import { halt, haltedBecause, resume } from '#shared/runtime/halt.ts';
import type { Home } from '#shared/runtime/home.ts';

/** Null for what the terminal does not answer by itself: core does. */
export function answerOf(home: Home, text: string): string | null {
  const { name: called, rest } = readCommand(text) ?? {};
  if (commands.find(({ name }) => name === called)?.who !== 'bridge') return null;
  if (called === 'halt') {
    const why = rest || 'in the terminal';
    const done = halt(home.halted, `${userInfo().username}: ${why}`);
    return done ? 'All is halted. /resume goes on.' : 'All is halted already. /resume goes on.';
  }
  if (called === 'resume') return resume(home.halted) ? 'We go on.' : 'Nothing is halted.';
  if (called === 'status') {
    const why = haltedBecause(home.halted);
    return `${why === null ? 'Nothing is halted.' : `All is halted: ${why}.`} vigil status tells the rest.`;
  }
  return commandList();
}
