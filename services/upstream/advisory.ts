/** What is known against the packages that this house is made of, by npm's bulk advisories. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { root } from '#shared/base/root.ts';
import { SEVERITIES } from './config.ts';
import { quoted } from './text.ts';

export type Advisory = { id: string; package: string; severity: string; title: string; url: string };
export type Versions = Record<string, string[]>;

const lock = z.looseObject({
  packages: z.record(
    z.string(),
    z.looseObject({ version: z.optional(z.string()), dev: z.optional(z.boolean()) }),
  ),
});
const answer = z.record(
  z.string(),
  z.array(
    z.looseObject({
      id: z.union([z.string(), z.number()]),
      severity: z.string(),
      title: z.string(),
      url: z._default(z.string(), ''),
    }),
  ),
);

/** What is locked, without what is there for development alone; null where no lock came with the code. */
export function lockedVersions(folder = root): Versions | null {
  const file = join(folder, 'package-lock.json');
  if (!existsSync(file)) return null;
  const versions: Record<string, Set<string>> = {};
  for (const [path, { version, dev }] of Object.entries(
    lock.parse(JSON.parse(readFileSync(file, 'utf8'))).packages,
  )) {
    const name = path.split('node_modules/').at(-1) ?? '';
    if (name === '' || version === undefined || dev) continue;
    versions[name] ??= new Set();
    versions[name].add(version);
  }
  return Object.fromEntries(Object.entries(versions).map(([name, all]) => [name, [...all]]));
}

/** @throws when it is no such answer */
export function advisoriesOf(text: string, versions: Versions): Advisory[] {
  return Object.entries(answer.parse(JSON.parse(text)))
    .filter(([name]) => Object.hasOwn(versions, name))
    .flatMap(([name, all]) =>
      all.map(({ id, severity, title, url }) => ({
        id: quoted(/GHSA(?:-\w{4}){3}/.exec(url)?.[0] ?? String(id), 40),
        package: name,
        severity: quoted(severity, 20),
        title: quoted(title),
        url: quoted(url),
      })),
    )
    .slice(0, 100);
}

/** A word that nobody knows counts as severe. */
export function isSevere(severity: string, least: (typeof SEVERITIES)[number]): boolean {
  const at = (SEVERITIES as readonly string[]).indexOf(severity);
  return severity !== 'info' && (at < 0 || at >= SEVERITIES.indexOf(least));
}
