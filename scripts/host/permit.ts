/** Whether whoever runs a command may do what it is about to do to the machine. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Misconfigured } from '#shared/base/errors.ts';
import { root } from '#shared/base/root.ts';

/** The command line ends with EX_NOPERM of sysexits.h for it. */
export class NotPermitted extends Misconfigured {}

/** @throws NotPermitted with the line to type instead */
export function demandRoot(what: string): void {
  if (process.getuid?.() !== 0) throw new NotPermitted(`vigil: ${what} needs root`, sudo());
}

/** This very command, as root. sudo's own PATH may know neither `vigil` nor the Node that a checkout runs with. */
export function sudo(args: readonly string[] = process.argv.slice(2)): string {
  const front = join(root, 'scripts', 'vigil');
  const command = existsSync(front)
    ? ['env', `"PATH=$PATH"`, quoted(front)]
    : [quoted(join(root, 'bin', 'vigil'))];
  return ['sudo', ...command, ...args.map(quoted)].join(' ');
}

function quoted(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
