/**
 * The releases on this machine: `<prefix>/releases/<version>`, each whole under its name and never written to
 * afterwards; `current` is the one that runs, `previous` the one to go back to. Whatever is not whole has another name.
 */

import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { root } from '../base/root.ts';

/** What holds the releases, and the links to two of them. */
export type Prefixed = { prefix: string };

export type Installed = {
  version: string;
  path: string;
  installed_at: number;
  /** The schema of the store that it speaks. */
  schema: number;
};

/** In each release: every file of it, with its hash. */
export const MANIFEST = 'MANIFEST.sha256';

const VERSION = /^\d+\.\d+\.\d+(-[\w.-]+)?$/;

/** What this release is installed in; null in a checkout. */
export function prefixOf(from: string = root): string | null {
  return basename(dirname(from)) === 'releases' ? dirname(dirname(from)) : null;
}

/** Newest first. */
export function releasesOf({ prefix }: Prefixed): Installed[] {
  const folder = join(prefix, 'releases');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => VERSION.test(name) && !/\.(tmp|gone)$/.test(name))
    .map((version) => {
      const path = join(folder, version);
      const manifest = statSync(join(path, MANIFEST), { throwIfNoEntry: false });
      const installed_at = Math.round((manifest ?? statSync(path)).ctimeMs);
      return { version, path, installed_at, schema: schemaOf(path) };
    })
    .sort((a, b) => b.installed_at - a.installed_at);
}

/** The version that a link points at; null where there is none. */
export function linked({ prefix }: Prefixed, link: 'current' | 'previous'): string | null {
  const path = join(prefix, link);
  return lstatSync(path, { throwIfNoEntry: false }) ? basename(readlinkSync(path)) : null;
}

/** What a release does to the store on its way there, by name. */
export function migrationsOf(release: string): string[] {
  const folder = join(release, 'shared', 'store', 'migrations');
  return (existsSync(folder) ? readdirSync(folder) : []).filter((name) => /^\d+.*\.sql$/.test(name)).sort();
}

/** The last migration that a release carries. */
export function schemaOf(release: string): number {
  return Math.max(0, ...migrationsOf(release).map((file) => Number.parseInt(file, 10)));
}

/** How a rollback that the console asked for went: `<prefix>/rollback.json`. */
export type Answered = {
  from: string | null;
  to: string;
  began_at: number;
  /** From its begin to every service beating in the other release; null: it goes on, or was cut off. */
  took_ms: number | null;
  /** What `vigil rollback` had to say at its end, or why it was refused. */
  said: string;
  /** Nothing is wrong with it. */
  well: boolean;
};

export const answerOf = ({ prefix }: Prefixed): string => join(prefix, 'rollback.json');

export function lastAnswer(place: Prefixed): Answered | null {
  const file = answerOf(place);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}
