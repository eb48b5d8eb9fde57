/** Writes `credentials/<name>.env`, whole or not at all, closed to others from the first byte. */

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSecret, type Secret } from '#shared/runtime/credentials.ts';
import type { Home } from '#shared/runtime/home.ts';
import { quoted } from '../mcp.ts';

/** Sets these variables and leaves the file's others; an undefined one goes. */
export function keepSecret(home: Home, name: string, variables: Secret): void {
  const all = { ...readSecret(home, name), ...variables };
  const text = Object.entries(all).map(([variable, value]) =>
    value === undefined ? '' : `${variable}=${quoted(variable, value)}\n`,
  );
  mkdirSync(home.credentials, { recursive: true, mode: 0o700 });
  const file = join(home.credentials, `${name}.env`);
  const part = `${file}.${process.pid}`;
  writeFileSync(part, text.join(''), { mode: 0o600 });
  renameSync(part, file);
}
