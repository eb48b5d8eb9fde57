/** Which steps of the first hour are done: `setup.json` in the home. No secret is in it. */

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { codeOf, Misconfigured } from '#shared/base/errors.ts';
import type { Home } from '#shared/runtime/home.ts';

/** When each step was done. */
export type Progress = Record<string, string>;

const fileOf = (home: Home) => join(home.directory, 'setup.json');

export function readProgress(home: Home): Progress {
  let text: string;
  try {
    text = readFileSync(fileOf(home), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return {};
    throw error;
  }
  const read = z.record(z.string(), z.string()).safeParse(parsed(text));
  if (read.success) return read.data;
  throw new Misconfigured(
    `setup: ${fileOf(home)} is no list of steps`,
    'remove it: the setup begins anew, and keeps what is set',
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Whole or not at all: a Ctrl-C may come at any time. */
export function writeProgress(home: Home, progress: Progress): void {
  mkdirSync(home.directory, { recursive: true, mode: 0o700 });
  const part = `${fileOf(home)}.${process.pid}`;
  writeFileSync(part, `${JSON.stringify(progress, null, 2)}\n`, { mode: 0o600 });
  renameSync(part, fileOf(home));
}
