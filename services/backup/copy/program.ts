/** Programs of the machine that bring copies elsewhere. */

import { spawn } from 'node:child_process';
import { codeOf } from '#shared/base/errors.ts';

/** The last words of a program that has failed, of which there may be many. */
const LAST_WORDS = 1000;

export class ProgramFailed extends Error {
  override readonly name = 'ProgramFailed';
}

/** Runs it to its end and gives back what it printed. It gets this environment besides the path, and nothing to read. */
export async function program(
  name: string,
  args: readonly string[],
  of: { env?: { [name: string]: string | undefined }; signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const { PATH, HOME, LANG } = process.env;
  const child = spawn(name, args, {
    env: { PATH, HOME, LANG, ...of.env },
    ...(of.signal && { signal: of.signal }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let words = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = `${words}${text}`.slice(-LAST_WORDS);
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve).once('error', (error) => {
      if (codeOf(error) !== 'ENOENT') return reject(error);
      reject(
        new Error(`${name} is not installed\n  cure: install it: apt install ${name}, brew install ${name}`),
      );
    });
  });
  if (status === 0) return output;
  throw new ProgramFailed(`${name} ended with ${status}: ${words.trim()}`);
}
