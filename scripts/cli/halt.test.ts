import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { homeOf } from '#shared/runtime/home.ts';
import { FILE, openStore } from '#shared/store/store.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';
import { scratch } from '#shared/testing/scratch.ts';

test('halt says what it did and why, status shows it, and resume ends it', async (t) => {
  const { home } = await quietHome(t);
  const halted = await vigil(home, ['halt', 'it', 'spends', 'too', 'much']);
  assert.deepEqual([halted.code, halted.stderr], [0, '']);
  assert.match(halted.stdout, /^halted: .* scripts\/vigil resume\n$/);
  assert.match(readFileSync(home.halted, 'utf8'), /^\d{4}-.*Z vigil halt by \S+ – it spends too much\n$/);
  const again = await vigil(home, ['halt']);
  assert.equal(again.code, 0);
  assert.match(again.stdout, /^it was halted already: .* it spends too much\n$/);
  const shown = await vigil(home, ['status']);
  assert.match(shown.stdout, /^HALTED: .* it spends too much; .*scripts\/vigil resume\n/);
  assert.match(JSON.parse((await vigil(home, ['status', '--json'])).stdout).halted, /it spends too much$/);

  const resumed = await vigil(home, ['resume']);
  assert.match(resumed.stdout, /^resumed; it was halted: .* it spends too much\n$/);
  assert.equal(existsSync(home.halted), false);
  assert.equal((await vigil(home, ['resume'])).stdout, 'nothing was halted\n');
  assert.equal(JSON.parse((await vigil(home, ['status', '--json'])).stdout).halted, null);
});

test('halt works while another program has locked the store', async (t) => {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  await (await openStore({ directory: home.state, principal: 'core' })).close();
  const hog = new Database(join(home.state, FILE));
  t.after(() => hog.close());
  hog.pragma('locking_mode = EXCLUSIVE');
  hog.exec('BEGIN EXCLUSIVE');
  assert.equal((await vigil(home, ['halt'])).code, 0);
  assert.ok(existsSync(home.halted));
  assert.equal((await vigil(home, ['resume'])).code, 0);
  assert.equal(existsSync(home.halted), false);
});

test('halt works on a store that is damaged, and status still shows it', async (t) => {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  mkdirSync(home.state);
  writeFileSync(join(home.state, FILE), 'no database, but a text of some length\n'.repeat(99));
  assert.equal((await vigil(home, ['halt'])).code, 0);
  const shown = await vigil(home, ['status']);
  assert.equal(shown.code, 78);
  assert.match(shown.stdout, /^HALTED: /);
  assert.equal((await vigil(home, ['resume'])).code, 0);
});

test('where nothing was ever started, halt says so', async (t) => {
  const home = homeOf({ VIGIL_HOME: join(scratch(t), 'nowhere') });
  const { code, stderr } = await vigil(home, ['halt']);
  assert.equal(code, 78);
  assert.match(stderr, /there is nothing at .*nowhere yet\n {2}cure: /);
  mkdirSync(dirname(home.halted), { recursive: true });
  assert.equal((await vigil(home, ['halt'])).code, 0);
});
