import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { root } from '../base/root.ts';
import type { Op, Query } from '../tables/op.ts';
import { scratch, until } from '../testing/scratch.ts';
import { openAside } from './aside.ts';
import { FILE, openStore, type Store } from './store.ts';

async function open(t: TestContext): Promise<Store> {
  const store = await openStore({ directory: scratch(t), principal: 'core' });
  t.after(() => store.close());
  return store;
}

const query = <Row>(sql: string, ...args: (string | number)[]): Query<Row> => ({
  verb: 'test.read',
  sql,
  args,
});
const chosen = (n: number): Op => ({
  verb: 'test.write',
  sql: 'INSERT INTO conversation (conversation, changed_at) VALUES (?, 1)',
  args: [`c${n}`],
});
const count = query<{ n: number }>('SELECT count(*) AS n FROM conversation');
const slow = query<{ n: number }>(
  'WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3000000) SELECT count(*) AS n FROM c',
);

/** The longest that the event loop stood still while `work` ran, and how long that was. */
async function stood(work: () => Promise<unknown>): Promise<{ still_ms: number; took_ms: number }> {
  const began = performance.now();
  let [last, still_ms] = [began, 0];
  const look = () => {
    still_ms = Math.max(still_ms, performance.now() - last);
    last = performance.now();
  };
  const timer = setInterval(look, 1);
  await work();
  look();
  clearInterval(timer);
  return { still_ms, took_ms: performance.now() - began };
}

/** The threads of this process that are no part of Node itself come and go with this number. */
const threads = () => readdirSync('/proc/self/task').length;

test('a slow query aside leaves the event loop turning, which the same query read here stops', async (t) => {
  const store = await open(t);
  await store.readAside(count);
  const aside = await stood(() => store.readAside(slow));
  const here = await stood(() => store.read(slow));
  assert.ok(aside.still_ms < aside.took_ms / 3, `${aside.still_ms} of ${aside.took_ms} ms`);
  assert.ok(here.still_ms > here.took_ms / 2, `${here.still_ms} of ${here.took_ms} ms`);
});

test('what is committed is read aside at once, and many may ask at the same time', async (t) => {
  const store = await open(t);
  for (let n = 1; n <= 20; n++) {
    await store.commit([chosen(n)]);
    assert.deepEqual(await store.readAside(count), [{ n }]);
  }
  const asked = Array.from({ length: 50 }, (_, i) =>
    store.readAside(query('SELECT ? AS i, ? AS s', i, `s${i}`)),
  );
  assert.deepEqual(
    await Promise.all(asked),
    Array.from({ length: 50 }, (_, i) => [{ i, s: `s${i}` }]),
  );
});

test('a query that is wrong fails as it does when read here, and the next one is answered', async (t) => {
  const store = await open(t);
  const wrong = query('SELECT nothing FROM nowhere');
  const here = await store.read(wrong).catch((error) => error);
  await assert.rejects(store.readAside(wrong), { name: here.name, message: here.message, code: here.code });
  assert.deepEqual(await store.readAside(count), [{ n: 0 }]);
});

test('nothing can be written aside', async (t) => {
  const store = await open(t);
  await assert.rejects(store.readAside(query(`DELETE FROM conversation RETURNING 1`)), {
    code: 'SQLITE_READONLY',
  });
});

test('the thread is there only while it is used', { skip: !existsSync('/proc/self/task') }, async (t) => {
  const store = await open(t);
  const aside = openAside(store.file, 50);
  t.after(() => aside.close());
  // Worker threads of Node itself are there from the first work on.
  await import('node:worker_threads');
  const before = threads();
  assert.deepEqual(await aside.read(count), [{ n: 0 }]);
  assert.equal(threads(), before + 1);
  await until('the thread has ended', () => threads() === before);
  assert.deepEqual(await aside.read(count), [{ n: 0 }], 'and comes again');
});

test('a thread that dies fails what it was asked, and the next query opens another', async (t) => {
  const directory = scratch(t);
  const aside = openAside(join(directory, FILE));
  t.after(() => aside.close());
  await assert.rejects(Promise.all([aside.read(count), aside.read(count)]), {
    message: 'store: the thread that reads aside has ended: unable to open database file',
  });
  const store = await openStore({ directory, principal: 'core' });
  t.after(() => store.close());
  assert.deepEqual(await aside.read(count), [{ n: 0 }]);
});

test('closing waits for what was asked, and refuses what comes after', async (t) => {
  const store = await openStore({ directory: scratch(t), principal: 'core' });
  const asked = store.readAside(slow);
  // It is on its way.
  await store.readAside(count);
  const again = store.readAside(slow);
  await store.close();
  assert.deepEqual([await asked, await again], [[{ n: 3000000 }], [{ n: 3000000 }]]);
  await assert.rejects(store.readAside(count), /store: closed, so test\.read was not read/);
});

test('a process that only reads aside ends when it has its answer', async (t) => {
  const directory = scratch(t);
  const code = `
    import { openStore } from '#shared/store/store.ts';
    const store = await openStore({ directory: ${JSON.stringify(directory)}, principal: 'cli' });
    console.log(JSON.stringify(await store.readAside({ verb: 'v', sql: 'SELECT 1 AS one', args: [] })));`;
  const said = execFileSync(process.execPath, ['--input-type=module-typescript', '-e', code], {
    cwd: root,
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.equal(said, '[{"one":1}]\n');
});
