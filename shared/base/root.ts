/** Where this code lives: the folder of its package.json, for a checkout, a bundle below it, and a release alike. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

function find(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from;
  const parent = dirname(from);
  if (parent === from)
    throw new Error(`no package.json above ${import.meta.dirname}: the installation is broken`);
  return find(parent);
}

export const root: string = find(import.meta.dirname);

export const version: string = String(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version);
