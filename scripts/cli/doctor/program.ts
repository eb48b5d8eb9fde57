/** Runs a program of the machine and gives what it prints; null: there is none of that name. */

import { execFile } from 'node:child_process';
import { codeOf } from '#shared/base/errors.ts';

export function run(program: string, ...args: string[]): Promise<{ code: number; text: string } | null> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 10_000, encoding: 'utf8' }, (error, stdout) => {
      if (codeOf(error) === 'ENOENT') return resolve(null);
      resolve({ code: error ? 1 : 0, text: stdout.trim() });
    });
  });
}
