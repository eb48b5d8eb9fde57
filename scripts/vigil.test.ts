import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';

/** Says on standard error what is loaded. */
const SPY = `data:text/javascript,import { registerHooks } from 'node:module';
registerHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context); } });`;

test('help is quick: it loads neither the store nor the config', () => {
  const program = join(root, 'scripts', 'vigil.ts');
  for (const args of [['--help'], ['cost', '--help'], ['budget', 'set', '--help'], ['memory', '--help']]) {
    const { status, stderr } = spawnSync(process.execPath, ['--import', SPY, program, ...args], {
      encoding: 'utf8',
    });
    assert.equal(status, 0);
    assert.match(stderr, /\/commander\//);
    assert.doesNotMatch(stderr, /better-sqlite3|zod|smol-toml/);
  }
});

test('every verb about money explains itself by example', async (t) => {
  const { home } = await quietHome(t);
  const verbs = [['cost'], ['budget'], ['budget', 'set'], ['budget', 'raise'], ['key'], ['key', 'add']];
  for (const { code, stdout } of await Promise.all(verbs.map((verb) => vigil(home, [...verb, '--help'])))) {
    assert.equal(code, 0);
    assert.match(stdout, /^Usage: vigil (cost|budget|key)[\s\S]*\nExamples:\n {2}vigil /);
  }
});

test('a home that was never started says how to start it', async (t) => {
  const { home } = await quietHome(t);
  const empty = { ...home, directory: join(home.directory, 'nothing') };
  for (const args of [['cost'], ['budget', 'show'], ['budget', 'raise', 'day', '1'], ['key', 'list']]) {
    const { code, stderr } = await vigil(empty, args);
    assert.equal(code, 78);
    assert.match(stderr, /^vigil: there is nothing at .*\n {2}cure: start it once: scripts\/start\n$/);
  }
});
