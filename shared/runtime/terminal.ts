/** The commands that a terminal answers by itself, as every channel does: no other service needs to be alive for them. */

import { commandList, commands, readCommand } from '../commands.ts';
import { halt, haltedBecause, resume } from './halt.ts';
import type { Home } from './home.ts';

/**
 * Null for what the terminal does not answer by itself: core does.
 * @param by who asks @param more where one sees more of how all is
 */
export function answerOf(
  home: Home,
  text: string,
  { by, more }: { by: string; more: string },
): string | null {
  const { name: called, rest } = readCommand(text) ?? {};
  if (commands.find(({ name }) => name === called)?.who !== 'bridge') return null;
  if (called === 'halt') {
    const done = halt(home.halted, `${by}: ${rest || 'in the terminal'}`);
    return done ? 'All is halted. /resume goes on.' : 'All is halted already. /resume goes on.';
  }
  if (called === 'resume') return resume(home.halted) ? 'We go on.' : 'Nothing is halted.';
  if (called === 'status') {
    const why = haltedBecause(home.halted);
    return `${why === null ? 'Nothing is halted.' : `All is halted: ${why}.`} ${more} tells the rest.`;
  }
  return commandList();
}
