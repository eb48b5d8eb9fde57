/**
 * All credentials in one encrypted file, for whoever has no password manager. No backup holds them: the service that makes
 * those may not read them.
 */

import { createReadStream, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import * as z from 'zod/mini';
import { codeOf, Misconfigured, messageOf } from '#shared/base/errors.ts';
import { seal, unseal } from '../../services/backup/seal.ts';
import { secretsIn } from './install.ts';
import { type Owner, putFile } from './owner.ts';

/** By the path in the folder: `telegram.env`, `mcp/mail.env`. */
const contents = z.record(z.string().check(z.regex(/^(mcp\/)?[\w-]+\.env$/)), z.string());

/** @returns what is in it */
export async function sealSecrets(folder: string, file: string, passphrase: string): Promise<string[]> {
  const secrets = secretsIn(folder);
  if (secrets.size === 0)
    throw new Misconfigured(`credentials: there are none in ${folder}`, 'nothing is to be kept');
  const plain = Buffer.from(JSON.stringify(Object.fromEntries(secrets)));
  const sealed = await buffer(seal([plain], passphrase));
  putFile(file, sealed, 0o600, null);
  return [...secrets.keys()];
}

/**
 * @returns what was put back
 * @throws Misconfigured before anything is written, when one of them is there and is another
 */
export async function unsealSecrets(
  file: string,
  folder: string,
  passphrase: string,
  owner: Owner,
): Promise<string[]> {
  const secrets = Object.entries(await opened(file, passphrase));
  const others = secrets.filter(([name, text]) => {
    const path = join(folder, name);
    return existsSync(path) && readFileSync(path, 'utf8') !== text;
  });
  if (others.length > 0) {
    const names = others.map(([name]) => join(folder, name)).join(', ');
    throw new Misconfigured(`credentials: there already, and others: ${names}`, 'move them away');
  }
  for (const [name, text] of secrets) {
    mkdirSync(dirname(join(folder, name)), { recursive: true, mode: 0o700 });
    putFile(join(folder, name), text, 0o600, owner);
  }
  return secrets.map(([name]) => name);
}

async function opened(file: string, passphrase: string): Promise<z.infer<typeof contents>> {
  try {
    const plain = await buffer(unseal(createReadStream(file), passphrase));
    return contents.parse(JSON.parse(plain.toString()));
  } catch (error) {
    const what = error instanceof SyntaxError ? 'it holds no credentials' : messageOf(error);
    throw new Misconfigured(
      `credentials: ${file}: ${what}`,
      codeOf(error) === 'ENOENT'
        ? 'name a file that is there'
        : 'see that it is the right file and passphrase',
      { cause: error },
    );
  }
}
