import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { root } from '../base/root.ts';
import * as error from '../tables/error.ts';
import { noSmallDisk, smallDisk } from '../testing/full-disk.ts';
import { scratch, until } from '../testing/scratch.ts';
import { latest } from './migrate.ts';
import { checkSnapshot, foldLog, putBack, takeSnapshot } from './snapshot.ts';
import { FILE, openStore, REFUSED, type Store } from './store.ts';

async function filled(t: TestContext, directory: string, rows: number, bytes = 1000): Promise<Store> {
  const store = await openStore({ directory, principal: 'core', flush: 'normal' });
  t.after(() => store.close());
  const fault = (i: number) => ({
    service: 'core',
    event: 'e',
    type: 't',
    message: `${i} ${'x'.repeat(bytes)}`,
    trace: null,
    recovery: 'r',
    severity: 'error' as const,
    turn_id: null,
    at: i * 100_000,
  });
  await store.commit(Array.from({ length: rows }, (_, i) => error.record(fault(i), 1)[0]));
  return store;
}

/** A process that commits without a pause, and says each time how many rows there are. */
async function writer(t: TestContext, directory: string): Promise<() => number> {
  const code = `
    import Database from 'better-sqlite3';
    const db = new Database(process.argv[1], { timeout: 5000 });
    db.pragma('synchronous = NORMAL');
    const write = db.prepare("INSERT INTO error (service, event, type, message, recovery, severity, times, at, last_at) VALUES ('core','e','t','m','r','error',1,1,1)");
    for (let n = 1; ; n++) { write.run(); if (n % 50 === 0) await new Promise((done) => process.stdout.write(n + '\\n', done)); }
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, join(directory, FILE)], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(async () => {
    child.kill('SIGKILL');
    await once(child, 'close');
  });
  let written = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written = Number(text.trim().split('\n').at(-1));
  });
  await until('somebody writes', () => written > 0);
  return () => written;
}

test('a snapshot ends while others write, shows one moment, and holds the rows that were counted in it', async (t) => {
  const directory = scratch(t);
  await filled(t, directory, 4000);
  const written = await writer(t, directory);
  const before = written();
  const to = join(directory, 'copy.db');
  const contents = await takeSnapshot(directory, to);
  await until('they wrote meanwhile', () => written() > before);
  assert.equal(contents.schema, latest());
  assert.ok((contents.rows.error ?? 0) > 4000);
  assert.equal(await checkSnapshot(to, contents, join(directory, 'scratch')), null);
  assert.ok(!existsSync(`${to}-wal`) && !existsSync(join(directory, 'scratch')), 'nothing lies beside it');
});

test('rows that are missing, too many, or of another schema are noticed', async (t) => {
  const directory = scratch(t);
  await filled(t, directory, 10);
  const to = join(directory, 'copy.db');
  const contents = await takeSnapshot(directory, to);
  const check = (expected: typeof contents) => checkSnapshot(to, expected, join(directory, 'scratch'));
  assert.match(
    (await check({ ...contents, rows: { ...contents.rows, error: 11 } })) ?? '',
    /error has 10 rows, expected 11/,
  );
  assert.match((await check({ ...contents, rows: { ...contents.rows, more: 1 } })) ?? '', /more has no rows/);
  assert.match((await check({ ...contents, schema: 1 })) ?? '', /its schema is/);
});

test('a torn page, a cut file and a foreign one are noticed', async (t) => {
  const directory = scratch(t);
  await filled(t, directory, 500);
  const to = join(directory, 'copy.db');
  const contents = await takeSnapshot(directory, to);
  const whole = readFileSync(to);
  const check = () => checkSnapshot(to, contents, join(directory, 'scratch'));
  const torn = Buffer.from(whole);
  torn.fill(0, 4096 * 20, 4096 * 60);
  for (const bytes of [
    torn,
    whole.subarray(0, whole.length / 2),
    Buffer.from('not a database'),
    Buffer.alloc(0),
  ]) {
    writeFileSync(to, bytes);
    assert.notEqual(await check(), null);
  }
  writeFileSync(to, whole);
  assert.equal(await check(), null);
});

test('a disk without room for the copy fails by its name', { skip: noSmallDisk }, async (t) => {
  const directory = scratch(t);
  await filled(t, directory, 1000);
  const { directory: small } = smallDisk(t, 256);
  await assert.rejects(takeSnapshot(directory, join(small, 'copy.db')), { name: 'StoreFull' });
});

test('a copy takes the store’s place, the old one stays beside, and its log is never read with the new one', async (t) => {
  const directory = join(scratch(t), 'state');
  const store = await filled(t, directory, 10);
  const copy = join(directory, 'copy.db');
  const contents = await takeSnapshot(directory, copy);
  await store.commit([
    error.record(
      {
        service: 'core',
        event: 'later',
        type: 't',
        message: 'm',
        trace: null,
        recovery: 'r',
        severity: 'error',
        turn_id: null,
        at: 9e12,
      },
      1,
    )[0],
  ]);
  // A process that was killed leaves its log: this one is copied as it stands.
  const left = join(scratch(t), 'state');
  mkdirSync(left);
  for (const name of [FILE, `${FILE}-wal`])
    writeFileSync(join(left, name), readFileSync(join(directory, name)));
  writeFileSync(join(left, 'copy.db'), readFileSync(copy));
  putBack(left, join(left, 'copy.db'), contents, join(left, 'before.db'));
  const count = (file: string) => {
    const db = new Database(file);
    try {
      return db.prepare('SELECT count(*) FROM error').pluck().get();
    } finally {
      db.close();
    }
  };
  assert.equal(count(join(left, FILE)), 10);
  assert.equal(count(join(left, 'before.db')), 11);
  assert.ok(!existsSync(join(left, REFUSED)));
});

test('one that is cut off in the middle leaves no empty store: everybody refuses until it is done again', async (t) => {
  const directory = scratch(t);
  const store = await filled(t, directory, 10);
  const copy = join(directory, 'copy.db');
  const contents = await takeSnapshot(directory, copy);
  await store.close();
  // As after a kill between its steps: the store is aside, the copy not there yet.
  assert.throws(
    () => putBack(directory, join(directory, 'nothing'), contents, join(directory, 'before.db')),
    /ENOENT/,
  );
  await assert.rejects(openStore({ directory, principal: 'core' }), { name: 'Misconfigured' });
  assert.ok(!existsSync(join(directory, FILE)));
  putBack(directory, copy, contents, join(directory, 'later.db'));
  const again = await openStore({ directory, principal: 'core' });
  assert.equal((await again.read({ verb: 'test', sql: 'SELECT * FROM error', args: [] })).length, 10);
  await again.close();
  assert.ok(existsSync(join(directory, 'before.db')));
});

test('a copy of a newer release is refused before anything is touched', (t) => {
  const directory = scratch(t);
  const newer = { application_id: 1, schema: latest() + 1, rows: {} };
  assert.throws(() => putBack(directory, join(directory, 'x'), newer, join(directory, 'y')), {
    name: 'Misconfigured',
    message: /a newer release made it/,
  });
  assert.ok(!existsSync(join(directory, REFUSED)));
});

test('the log is folded to nothing when nobody is in the way, and nobody waits when somebody is', async (t) => {
  const directory = scratch(t);
  await filled(t, directory, 500);
  const wal = join(directory, `${FILE}-wal`);
  const reader = new Database(join(directory, FILE), { readonly: true });
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM error').get();
  const began = performance.now();
  foldLog(directory);
  assert.ok(performance.now() - began < 4_000);
  assert.ok(statSync(wal).size > 0);
  reader.close();
  assert.equal(foldLog(directory), 0);
  assert.equal(statSync(wal).size, 0);
});
