/**
 * Secrets: `credentials/<name>.env`, readable by nobody but their owner, read by the service that uses them alone. Those of
 * one kind may lie in a folder: `mcp/mail`.
 */

import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { codeOf, Misconfigured, messageOf } from '../base/errors.ts';
import type { Home } from './home.ts';

export type Secret = { [variable: string]: string | undefined };

/** Where the secret is. A folder that systemd hands over comes as files whose names begin with its own (systemd.exec(5)). */
export function secretFile(home: Home, name: string): string {
  return join(home.credentials, `${home.handedOver ? name.replaceAll('/', '_') : name}.env`);
}

/**
 * The variables of `credentials/<name>.env`; null when there is no such file.
 * @throws Misconfigured when others may read the file or its folder, or when it cannot be read
 */
export function readSecret(home: Home, name: string): Secret | null {
  const file = secretFile(home, name);
  let text: string;
  try {
    if (!home.handedOver) {
      closedToOthers(file, 0o600);
      closedToOthers(dirname(file), 0o700);
      closedToOthers(home.credentials, 0o700);
    }
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    if (error instanceof Misconfigured) throw error;
    throw new Misconfigured(
      `credentials: ${file} cannot be read (${messageOf(error)})`,
      `chmod 600 ${file}`,
      {
        cause: error,
      },
    );
  }
  const variables = Object.entries(parseEnv(text)).map(([key, value]) => [key, value?.trim()] as const);
  return Object.fromEntries(variables.filter(([, value]) => value));
}

/** Refuses what anybody but its owner may read: a secret that others can read is none. */
function closedToOthers(path: string, expected: number): void {
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  const octal = (bits: number) => bits.toString(8).padStart(4, '0');
  throw new Misconfigured(
    `credentials: ${path} is open to others (mode ${octal(mode)}, expected ${octal(expected)})`,
    `chmod ${expected.toString(8)} ${path}`,
  );
}
