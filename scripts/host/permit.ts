/** Whether whoever runs a command may do what it is about to do to the machine. */

import { Misconfigured } from '#shared/base/errors.ts';

/** The command line ends with EX_NOPERM of sysexits.h for it. */
export class NotPermitted extends Misconfigured {}

/** @throws NotPermitted with the line to type instead */
export function demandRoot(what: string): void {
  if (process.getuid?.() === 0) return;
  throw new NotPermitted(`vigil: ${what} needs root`, sudo(process.argv.slice(1)));
}

/** This very command as root, whose PATH may know neither Node nor `vigil`. */
export function sudo(args: readonly string[]): string {
  const words = ['sudo', process.execPath, ...args];
  return words
    .map((word) => (/^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}
