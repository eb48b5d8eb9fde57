/** The rules of the house, as far as a machine can see them: who may know whom, who may touch what, and what is said. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { root } from './base/root.ts';

const LAYERS = [
  'base',
  'manifest',
  'messages',
  'tables',
  'metrics',
  'life',
  'recall',
  'forget',
  'store',
  'telling',
  'units',
  'runtime',
  'testing',
];

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .trim()
  .split('\n')
  .filter((file) => existsSync(join(root, file)));
const textOf = (file: string) => readFileSync(join(root, file), 'utf8');
const sources = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));
const isTest = (file: string) => file.endsWith('.test.ts') || file.startsWith('shared/testing/');

/** What a file imports: files of the house by their path, packages by their name. */
function importsOf(file: string): string[] {
  const found = textOf(file).matchAll(
    /(?:^|\s)(?:import|export)\b[^'"`;]*?\bfrom\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g,
  );
  return [...found].map((match) => {
    const name = match[1] ?? match[2] ?? '';
    if (name.startsWith('#shared/')) return name.replace('#', '');
    if (name.startsWith('.')) return normalize(join(dirname(file), name));
    return name
      .split('/')
      .slice(0, name.startsWith('@') ? 2 : 1)
      .join('/');
  });
}

/** `shared/base/log.ts` → base; `shared/manifest.ts` → manifest; what is not below shared/ has no layer. */
const layerOf = (file: string) => /^shared\/(\w+)/.exec(file)?.[1] ?? '';

test('the reader of imports finds them all', () => {
  assert.ok(importsOf('shared/runtime/service.ts').includes('shared/store/store.ts'));
  assert.ok(
    importsOf('services/router/service.ts').includes('shared/messages/rehearsal.ts'),
    'also the late ones',
  );
  assert.ok(importsOf('services/core/ask.ts').includes('@anthropic-ai/sdk'));
});

test('a file imports from its own layer or a lower one', () => {
  const upward = sources
    .filter((file) => file.startsWith('shared/') && !file.endsWith('.test.ts'))
    .flatMap((file) =>
      importsOf(file)
        .filter((imported) => imported.startsWith('shared/'))
        .filter((imported) => LAYERS.indexOf(layerOf(imported)) > LAYERS.indexOf(layerOf(file)))
        .map((imported) => `${file} → ${imported}`),
    );
  assert.deepEqual(upward, []);
  for (const file of sources.filter((file) => /^shared\/\w+\//.test(file))) {
    assert.ok(LAYERS.includes(layerOf(file)), `${file} lies in no layer`);
  }
});

test('nothing in shared/ knows a service, the scripts or the benches', () => {
  const outward = sources
    .filter((file) => file.startsWith('shared/'))
    .flatMap((file) => importsOf(file).map((imported) => `${file} → ${imported}`))
    .filter((pair) => /→ (services|scripts|bench)\//.test(pair));
  assert.deepEqual(outward, []);
});

test('a service imports from #shared and from its own folder, never from another, and what is for tests only in tests', () => {
  const strange = sources
    .filter((file) => file.startsWith('services/'))
    .flatMap((file) => {
      const own = file.split('/').slice(0, 2).join('/');
      return importsOf(file)
        .filter((imported) => /^(shared|services|scripts|bench)\//.test(imported))
        .filter((imported) =>
          imported.startsWith('shared/testing/')
            ? !isTest(file)
            : !imported.startsWith('shared/') && !imported.startsWith(`${own}/`),
        )
        .map((imported) => `${file} → ${imported}`);
    });
  assert.deepEqual(strange, []);
});

test('only shared/store opens the database, or names the files beside it', () => {
  // The power-cut bench names them as well: it reads a trace and writes copies of a store that is dead.
  const others = sources.filter((file) => !isTest(file) && !/^(shared\/store\/|bench\/powercut)/.test(file));
  assert.deepEqual(
    others.filter((file) => importsOf(file).includes('better-sqlite3')),
    [],
  );
  // Naming one is how touching one begins: closing a second descriptor drops SQLite's locks.
  assert.deepEqual(
    others.filter((file) => /(['"`/.}]|db)-(wal|shm)\b/.test(textOf(file))),
    [],
  );
});

test('all SQL lives in shared/tables and shared/store', () => {
  const elsewhere = sources
    .filter((file) => !isTest(file) && !/^(shared\/(tables|store)|bench)\//.test(file))
    .filter((file) => /\b(SELECT [\s\S]+ FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM) /.test(textOf(file)));
  assert.deepEqual(elsewhere, []);
});

test('each dependency is imported somewhere, and named in the README', () => {
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(textOf('package.json'));
  const imported = new Set(sources.filter((file) => !isTest(file)).flatMap(importsOf));
  const readme = existsSync(join(root, 'README.md')) ? textOf('README.md') : null;
  for (const name of Object.keys(dependencies)) {
    assert.ok(imported.has(name), `${name} is in package.json and imported nowhere`);
    assert.ok(readme?.includes(name) ?? true, `${name} is in package.json and not in README.md`);
  }
  const foreign = [...imported].filter(
    (name) => !/^(node:|shared\/|services\/|scripts\/|bench\/)/.test(name),
  );
  for (const name of foreign) assert.ok(dependencies[name], `${name} is imported and not in package.json`);
});

test('no file speaks of the place where it was written', () => {
  // Put together here, so that this file does not contain what it looks for.
  const words = new RegExp(
    `${['/wo', 'rk/'].join('')}|${['/tmp/', 'wt-'].join('')}|${['fact ', 'sheet'].join('')}`,
    'i',
  );
  const texts = files.filter((file) => /\.(ts|md|toml|json|sql|plist|service|slice|target|sh)$/.test(file));
  assert.deepEqual(
    texts.filter((file) => words.test(textOf(file))),
    [],
  );
});

test('a file is named for the thing', () => {
  const vague = /(^|\/)(utils?|helpers?|types?|constants?|managers?|common|misc|index)\.ts$/;
  assert.deepEqual(
    files.filter((file) => vague.test(file)),
    [],
  );
});
