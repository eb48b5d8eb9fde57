import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as heartbeat from '../tables/heartbeat.ts';
import * as press from '../tables/press.ts';
import { scratch } from '../testing/scratch.ts';
import { latest } from './migrate.ts';
import { contentsOf, readFrom, restoreSnapshot, schemaIn, takeSnapshot } from './snapshot.ts';
import { FILE, openStore, type Store } from './store.ts';

async function storeAt(t: TestContext): Promise<{ directory: string; file: string; store: Store }> {
  const directory = scratch(t);
  const store = await openStore({ directory, principal: 'cli' });
  t.after(() => store.close());
  return { directory, file: join(directory, FILE), store };
}

function pressed(key: string) {
  const from = { source: 'test', channel: 'terminal', conversation: 'c', chat: null, sender: 'ann' } as const;
  return press.receive({ ...from, source_key: key, data: 'x', message_ref: null, received_at: 1 });
}

const presses = (file: string) => contentsOf(file).rows.press;

test('a snapshot of a store in use is whole, of the same schema, and as private as the store', async (t) => {
  const { directory, file, store } = await storeAt(t);
  await store.commit([pressed('1')]);
  chmodSync(file, 0o660);
  const to = join(directory, 'backups', 'one.db');
  takeSnapshot(file, to);
  await store.commit([pressed('2')]);
  assert.equal(presses(to), 1);
  assert.equal(presses(file), 2);
  assert.deepEqual([contentsOf(to).integrity, schemaIn(to), schemaIn(file)], ['ok', latest(), latest()]);
  assert.equal(statSync(to).mode & 0o777, 0o660);
  assert.equal(statSync(join(directory, 'backups')).mode & 0o777, statSync(directory).mode & 0o777);
  assert.deepEqual(readdirSync(join(directory, 'backups')), ['one.db']);
});

test('a snapshot takes the place of the store, which is kept with its last commit', async (t) => {
  const { directory, file, store } = await storeAt(t);
  await store.commit([pressed('1')]);
  const to = join(directory, 'backups', 'one.db');
  takeSnapshot(file, to);
  await store.commit([pressed('2')]);
  await store.close();
  const aside = join(directory, 'backups', 'aside.db');
  restoreSnapshot(to, file, aside);
  assert.deepEqual([presses(file), presses(aside)], [1, 2]);
  restoreSnapshot(to, file, aside);
  assert.deepEqual([presses(file), presses(aside)], [1, 2], 'the second time it is done already');
  assert.equal((await openAgain(directory)).length, 0);
});

async function openAgain(directory: string): Promise<heartbeat.Heartbeat[]> {
  const store = await openStore({ directory, principal: 'cli' });
  const rows = await store.read(heartbeat.all);
  await store.close();
  return rows;
}

test('the log of a store that nobody closed goes with it, and not into the one that takes its place', async (t) => {
  const { directory, file, store } = await storeAt(t);
  const to = join(directory, 'one.db');
  takeSnapshot(file, to);
  await store.commit([pressed('1')]);
  // What a kill leaves: the file and its log, with the commit in the log alone.
  const dead = join(scratch(t), FILE);
  for (const end of ['', '-wal']) execFileSync('cp', [file + end, dead + end]);
  const aside = join(directory, 'aside.db');
  restoreSnapshot(to, dead, aside);
  assert.ok(!existsSync(`${dead}-wal`));
  assert.deepEqual([presses(dead), presses(aside)], [0, 1]);
});

test('a store that nobody can read gives way to the snapshot all the same, and is kept', async (t) => {
  const { directory, file, store } = await storeAt(t);
  const to = join(directory, 'one.db');
  takeSnapshot(file, to);
  await store.close();
  writeFileSync(file, 'this was a store once, and it is one no longer');
  assert.equal(schemaIn(file), Number.POSITIVE_INFINITY);
  restoreSnapshot(to, file, join(directory, 'aside.db'));
  assert.equal(schemaIn(file), latest());
  assert.ok(existsSync(join(directory, 'aside.db')));
});

test('a question to a store that is not there, or has no tables yet, has no rows as its answer', (t) => {
  const file = join(scratch(t), FILE);
  assert.deepEqual([schemaIn(file), readFrom(file, heartbeat.all)], [0, []]);
  writeFileSync(file, '');
  assert.deepEqual([schemaIn(file), readFrom(file, heartbeat.all)], [0, []]);
});
