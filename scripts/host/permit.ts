/** Whether whoever runs a command may do what it is about to do to the machine. */

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Misconfigured } from '#shared/base/errors.ts';
import { root } from '#shared/base/root.ts';

/** The command line ends with EX_NOPERM of sysexits.h for it. */
export class NotPermitted extends Misconfigured {}

/** @throws NotPermitted with the line to type instead */
export function demandRoot(what: string): void {
  if (process.getuid?.() !== 0) throw new NotPermitted(`vigil: ${what} needs root`, sudo());
}

/** This very command, as root, to be typed. */
export function sudo(args: readonly string[] = process.argv.slice(2)): string {
  const words = asRoot(args).map((word) => (word.startsWith('PATH=') ? '"PATH=$PATH"' : quoted(word)));
  return words.join(' ');
}

/** The same, to be run. sudo's own PATH may know neither `vigil` nor the Node that a checkout runs with. */
export function asRoot(args: readonly string[]): string[] {
  const front = join(root, 'scripts', 'vigil');
  if (!existsSync(front)) return ['sudo', join(root, 'bin', 'vigil'), ...args];
  const { PATH, VIGIL_HOME } = process.env;
  const home = VIGIL_HOME ? [`VIGIL_HOME=${resolve(VIGIL_HOME)}`] : [];
  return ['sudo', 'env', `PATH=${PATH}`, ...home, front, ...args];
}

function quoted(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
