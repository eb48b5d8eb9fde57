/** What backups are encrypted with, as it is handed over by hand. */

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Misconfigured } from '#shared/base/errors.ts';

export type PassphraseOption = { passphraseFile?: string };

/** From the file, else asked for where nobody can read it, else the first line that is piped in. */
export async function passphraseOf({ passphraseFile }: PassphraseOption): Promise<string> {
  if (passphraseFile !== undefined) {
    const text = readFileSync(passphraseFile, 'utf8').trim();
    // The whole of credentials/backup.env will do as well.
    return /^BACKUP_PASSPHRASE=(.*)$/m.exec(text)?.[1] ?? text;
  }
  const { stdin, stderr } = process;
  if (stdin.isTTY) stderr.write('Passphrase: ');
  // readline minds the keys, and what it would show goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: stdin.isTTY === true });
  try {
    for await (const line of lines) return line;
    throw new Misconfigured('there is no passphrase', 'type it, or name a file: --passphrase-file');
  } finally {
    lines.close();
    if (stdin.isTTY) stderr.write('\n');
  }
}
