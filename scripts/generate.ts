/**
 * Writes every file that is made from the manifest and the other declarations, and removes those that it no longer names.
 *
 *   node scripts/generate.ts            write
 *   node scripts/generate.ts --check    write nothing; exit 1 and name the stale files
 *
 * A folder as argument stands in for the repository.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { services } from '#shared/manifest.ts';
import { defaultConfig, shared } from '#shared/runtime/config.ts';
import { exampleOf } from '#shared/runtime/config-example.ts';
import { schemaText } from '#shared/store/schema.ts';
import { launchdFiles } from '#shared/units/launchd.ts';
import { systemdFiles } from '#shared/units/systemd.ts';
import { usual } from '../services/alerts/limits.ts';
import { prometheusFiles } from '../services/alerts/prometheus.ts';
import { rulesOf } from '../services/alerts/rules.ts';
import { rowOf } from '../services/alerts/words.ts';
import { config as metrics } from '../services/metrics/config.ts';
import { sections } from './sections.ts';

const { values, positionals } = parseArgs({
  options: { check: { type: 'boolean' } },
  allowPositionals: true,
});
const root = positionals[0] ?? join(import.meta.dirname, '..');

/** To generate one more file, add its path and text here. */
const files: { path: string; text: string }[] = [
  ...systemdFiles(services),
  ...launchdFiles(services),
  { path: 'shared/store/schema.sql', text: schemaText() },
  { path: 'config.example.toml', text: exampleOf({ ...shared, ...sections }) },
  ...prometheusFiles(defaultConfig({ name: 'metrics', section: metrics }).own.port),
  ...withTable('README.md', 'services', serviceTable()),
  ...withTable('docs/alerts.md', 'rules', ruleTable()),
];

/** In these folders every file is generated, so one that is not in the list above is a leftover. */
const folders = ['systemd', 'launchd', 'prometheus'];

const outdated = files.filter(({ path, text }) => textOf(path) !== text);
const leftovers = folders
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
  .filter((entry) => !entry.isDirectory())
  .map((entry) => relative(root, join(entry.parentPath, entry.name)))
  .filter((path) => !files.some((file) => file.path === path));

if (values.check) {
  for (const { path } of outdated) console.error(`${path} is not what the manifest says`);
  for (const path of leftovers) console.error(`${path} is not in the manifest any more`);
  if (outdated.length + leftovers.length > 0) {
    console.error('  cure: npm run generate, and commit what it changes');
    process.exitCode = 1;
  }
} else {
  for (const { path, text } of outdated) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    console.log(`wrote ${path}`);
  }
  for (const path of leftovers) {
    rmSync(join(root, path), { recursive: true });
    console.log(`removed ${path}`);
  }
}

function textOf(path: string): string | undefined {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined;
}

/** The document with one of its tables renewed between its two markers; nothing where there is no document. */
function withTable(path: string, name: string, table: readonly string[][]): { path: string; text: string }[] {
  const document = textOf(path);
  if (document === undefined) return [];
  const begin = `<!-- ${name}: generated -->`;
  const end = `<!-- /${name} -->`;
  const from = document.indexOf(begin);
  const to = document.indexOf(end, from);
  if (from < 0 || to < 0) {
    throw new Error(
      `${path}: expected the table of ${name} between '${begin}' and '${end}', found no such pair\n` +
        '  cure: put these two lines where the table belongs',
    );
  }
  const rows = table.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
  return [{ path, text: `${document.slice(0, from)}${begin}\n${rows}${document.slice(to)}` }];
}

function serviceTable(): string[][] {
  return [
    ['service', 'does', 'network', 'secrets'],
    ['---', '---', '---', '---'],
    ...services.map(({ name, about, network, secrets }) => [
      `\`${name}\``,
      about,
      network.join(', ') || 'none',
      secrets.join(', ') || 'none',
    ]),
  ];
}

function ruleTable(): string[][] {
  return [
    ['alert', 'when', 'for', 'severity'],
    ['---', '---', '---', '---'],
    ...rulesOf(usual)
      .map(rowOf)
      .map(([name, when = '', ...rest]) => [`\`${name}\``, when.replace(/<(\w+)>/g, '*$1*'), ...rest]),
  ];
}
