import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { codeOf } from '../base/errors.ts';
import { root } from '../base/root.ts';
import * as heartbeat from '../tables/heartbeat.ts';
import * as inbound from '../tables/inbound.ts';
import type { Op, Query } from '../tables/op.ts';
import * as outbound from '../tables/outbound.ts';
import { tables } from '../tables/tables.ts';
import * as turn from '../tables/turn.ts';
import { noSmallDisk, smallDisk } from '../testing/full-disk.ts';
import { scratch, until } from '../testing/scratch.ts';
import { inspect } from './inspect.ts';
import { isLocked, tryLock } from './liveness.ts';
import { APPLICATION_ID, migrate } from './migrate.ts';
import { schemaTables, schemaText } from './schema.ts';
import { FILE, openStore, REFUSED, type Store, type StoreOptions } from './store.ts';

async function open(t: TestContext, options: Partial<StoreOptions> = {}): Promise<Store> {
  const store = await openStore({
    directory: options.directory ?? scratch(t),
    principal: 'core',
    ...options,
  });
  t.after(() => store.close());
  return store;
}

function hello(key: string, text = 'hello'): inbound.Inbound {
  return {
    source: 'test',
    source_key: key,
    channel: 'terminal',
    conversation: 'terminal:main',
    chat: null,
    sender: 'me',
    text,
    message_ref: null,
    payload_json: '{}',
    received_at: 1,
    state: 'pending',
    note: null,
  };
}

const count = (table: string): Query<{ n: number }> => ({
  verb: 'count',
  sql: `SELECT count(*) AS n FROM ${table}`,
  args: [],
});
const many = async (store: Store, table: string) => (await store.read(count(table)))[0]?.n;
const lease = { owner: 'core-1', boot_id: 'boot', now: 10, until_at: 20 };

/** Makes the store as another process would, unless somebody is just looking at it. */
function create(db: Database.Database): void {
  try {
    db.transaction(() => migrate(db)).immediate();
  } catch (error) {
    assert.equal(codeOf(error), 'SQLITE_BUSY');
  }
}

/** A process of its own that runs `code` with the store's module at hand, and lives until it is killed. */
function child(t: TestContext, code: string): ChildProcess {
  const running = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => running.kill('SIGKILL'));
  return running;
}

async function says(running: ChildProcess, word: string): Promise<void> {
  let heard = '';
  for await (const chunk of running.stdout ?? []) {
    heard += chunk;
    if (heard.includes(word)) return;
  }
  throw new Error(`the process ended without saying '${word}': ${heard}`);
}

test('the committed schema is what the migrations make', () => {
  const file = join(root, 'shared/store/schema.sql');
  assert.equal(readFileSync(file, 'utf8'), schemaText(), 'schema.sql is stale: npm run generate');
});

test('every table of the schema is declared, with its pen and how long it keeps its rows', () => {
  assert.deepEqual(tables.map((table) => table.name).sort(), schemaTables());
});

test('a unit is carried out as a whole or not at all', async (t) => {
  const store = await open(t);
  const fenced = turn.renew({ id: 'nobody', attempt: 1 } as turn.Turn, 99);
  await assert.rejects(store.commit([inbound.receive(hello('1')), fenced]), {
    name: 'Fenced',
    message: /turn\.renew: expected 1 row\(s\), got 0/,
  });
  assert.equal(await many(store, 'inbound'), 0);
});

test('units queued together share one flush, and one that fails takes back only itself', async (t) => {
  const store = await open(t);
  const bad = turn.renew({ id: 'nobody', attempt: 1 } as turn.Turn, 99);
  const before = store.flushes;
  const outcomes = await Promise.allSettled([
    ...Array.from({ length: 50 }, (_, i) => store.commit([inbound.receive(hello(`k${i}`))])),
    store.commit([inbound.receive(hello('lost')), bad]),
  ]);
  assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 50);
  assert.equal(await many(store, 'inbound'), 50);
  assert.equal(store.flushes - before, 1);
});

test('the same message told twice is stored once', async (t) => {
  const store = await open(t);
  const [[first], [second]] = await store.commit([inbound.receive(hello('1')), inbound.receive(hello('1'))]);
  assert.equal(first?.id, 1);
  assert.equal(second, undefined);
});

test('a claim belongs to one claimant, and an adopted one is fenced off from the old', async (t) => {
  const store = await open(t);
  await store.commit([inbound.receive(hello('1'))]);
  const [[mine]] = await store.commit([turn.open('t1', lease), inbound.take('t1', 10)]);
  const [[other]] = await store.commit([turn.open('t2', { ...lease, owner: 'core-2' })]);
  assert.equal(mine?.attempt, 1);
  assert.equal(other, undefined);
  await store.commit([turn.adopt('core-2', 11)]);
  const [[again]] = await store.commit([turn.resume({ ...lease, owner: 'core-2', now: 11 })]);
  assert.deepEqual([again?.attempt, again?.crashes], [2, 1]);
  const end = { now: 12, state: 'done', error: null } as const;
  await assert.rejects(store.commit([turn.finish(mine as turn.Turn, end)]), { name: 'Fenced' });
  await store.commit([turn.finish(again as turn.Turn, end)]);
});

test('a wait that was set before the clock went back a day is over', async (t) => {
  const store = await open(t);
  await store.commit([inbound.receive(hello('1'))]);
  const [[mine]] = await store.commit([turn.open('t1', { ...lease, now: 90_000_000 })]);
  const wait = { now: 90_000_000, due_at: 90_002_000, because: 'away', told: false, error: 'away' } as const;
  await store.commit([turn.wait(mine as turn.Turn, wait)]);
  assert.equal((await store.read(turn.due(90_001_999))).length, 0);
  assert.equal((await store.read(turn.due(90_002_000))).length, 1);
  assert.equal((await store.read(turn.due(3_600_000))).length, 1);
});

test('a later message of a chat never overtakes an earlier one', async (t) => {
  const directory = scratch(t);
  const core = await open(t, { directory });
  const telegram = await open(t, { directory, principal: 'telegram' });
  const post = (key: string, chat: string): Op =>
    outbound.post({
      key,
      channel: 'telegram',
      conversation: chat,
      chat,
      kind: 'reply',
      turn_id: null,
      text: key,
      message_ref: null,
      now: 1,
    });
  await core.commit([post('a1', 'a'), post('a2', 'a'), post('b1', 'b')]);
  const claim = async () => (await telegram.commit([outbound.claim('telegram-1', 5)]))[0][0];
  const a1 = await claim();
  const b1 = await claim();
  assert.deepEqual([a1?.key, b1?.key, await claim()], ['a1', 'b1', undefined]);
  await telegram.commit([
    outbound.retry(a1 as outbound.Outbound, { now: 5, due_at: 100, counted: true, error: 'x' }),
  ]);
  assert.equal(await claim(), undefined, 'a2 waits behind a1');
});

test('a write by the wrong service fails with a sentence that names both', async (t) => {
  const directory = scratch(t);
  const store = await open(t, { directory, principal: 'telegram' });
  await store.commit([inbound.receive(hello('1'))]);
  await assert.rejects(store.commit([inbound.close('t1', 'dead'), turn.open('t1', lease)]), {
    message: 'telegram tried to insert into turn, whose pen core holds: telegram may only read it',
  });
  await assert.rejects(store.commit([{ verb: 'x', sql: `UPDATE inbound SET text = ''`, args: [] }]), {
    message: 'telegram tried to update inbound, whose pen core holds: telegram may only append to it',
  });
  await assert.rejects(
    store.commit([{ verb: 'x', sql: 'REPLACE INTO inbound SELECT * FROM inbound', args: [] }]),
    {
      message: 'telegram tried to delete from inbound, whose pen core holds: telegram may only append to it',
    },
  );
  const row: heartbeat.Heartbeat = {
    service: 'core',
    worker: 0,
    pid: 1,
    instance: 'i',
    boot_id: 'b',
    version: '1',
    phase: 'ready',
    doing: 'x',
    since_at: 1,
    progressed_at: 1,
    beat_at: 1,
    rss_bytes: 1,
    loop_delay_ms: 1,
    problem: null,
  };
  await assert.rejects(store.commit([heartbeat.beat(row)]), {
    message: /telegram tried to insert into heartbeat, whose pen the service whose row it is holds/,
  });
  await store.commit([heartbeat.beat({ ...row, service: 'telegram' })]);
});

test('a commit in one process rings the bell in another', async (t) => {
  const directory = scratch(t);
  const store = await open(t, { directory });
  const rings: number[] = [];
  t.after(store.listen('inbound', () => rings.push(1)));
  child(
    t,
    `import { openStore } from './shared/store/store.ts';
     import * as inbound from './shared/tables/inbound.ts';
     const store = await openStore({ directory: ${JSON.stringify(directory)}, principal: 'cli' });
     await store.commit([inbound.receive(${JSON.stringify(hello('1'))})]);`,
  );
  await until('the bell rings', () => rings.length > 0);
  assert.equal(await many(store, 'inbound'), 1, 'the ring comes after the commit');
});

test('ten processes that open a new store at once all find it migrated', async (t) => {
  const directory = scratch(t);
  const code = `import { openStore } from './shared/store/store.ts';
    const store = await openStore({ directory: ${JSON.stringify(directory)}, principal: 'cli' });
    await store.close();`;
  const exits = Array.from({ length: 10 }, async () => (await once(child(t, code), 'exit'))[0]);
  assert.deepEqual(await Promise.all(exits), Array(10).fill(0));
});

test("a store that is created while somebody looks at it is not taken for another program's", async (t) => {
  const directory = scratch(t);
  const other = new Database(join(directory, FILE), { timeout: 0 });
  t.after(() => other.close());
  const { pragma } = Database.prototype;
  t.mock.method(
    Database.prototype,
    'pragma',
    function (this: Database.Database, ...asked: [string, object?]) {
      const found = pragma.apply(this, asked);
      if (asked[0] === 'application_id' && this !== other) create(other);
      return found;
    },
  );
  await (await open(t, { directory })).close();
});

test('who opens a store that another process has to itself waits until it is free', async (t) => {
  const directory = scratch(t);
  await (await open(t, { directory })).close();
  const hog = new Database(join(directory, FILE));
  hog.pragma('locking_mode = EXCLUSIVE');
  hog.exec('BEGIN IMMEDIATE');
  setTimeout(() => hog.close(), 100);
  assert.equal(await many(await open(t, { directory, busy_ms: 5 }), 'inbound'), 0);
});

test('a lock held elsewhere makes a commit wait, and the event loop goes on turning meanwhile', async (t) => {
  const directory = scratch(t);
  const store = await open(t, { directory, busy_ms: 5 });
  const hog = new Database(join(directory, FILE));
  t.after(() => hog.close());
  hog.exec('BEGIN IMMEDIATE');
  let done = false;
  const commit = store.commit([inbound.receive(hello('1'))]).then(() => {
    done = true;
  });
  for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(done, false);
  hog.exec('COMMIT');
  await commit;
});

test("a service's lock is free as soon as its process is killed, and not before", async (t) => {
  const file = join(scratch(t), 'core.lock');
  const holder = child(
    t,
    `import { tryLock } from './shared/store/liveness.ts';
     const lock = tryLock(${JSON.stringify(file)});
     console.log('held');
     setInterval(() => lock, 1000);`,
  );
  await says(holder, 'held');
  assert.equal(tryLock(file), null);
  assert.equal(isLocked(file), true);
  holder.kill('SIGSTOP');
  assert.equal(tryLock(file), null, 'a stopped process is not a dead one');
  holder.kill('SIGKILL');
  await until('the lock is free', () => !isLocked(file));
});

test('the check-up leaves the locks of the process alone', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const directory = scratch(t);
  const store = await open(t, { directory });
  await store.commit([inbound.receive(hello('1'))]);
  const mine = () =>
    readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .filter((line) => line.includes(` ${process.pid} `))
      .map((line) => line.replace(/^\d+: /, ''))
      .sort();
  const before = mine();
  assert.ok(before.length > 0, 'an open store holds locks');
  assert.equal(await inspect(store.file), 'ok');
  assert.deepEqual(mine(), before);
});

test('the check-up finds a page that was zeroed', async (t) => {
  const directory = scratch(t);
  const store = await openStore({ directory, principal: 'core' });
  await store.commit(Array.from({ length: 300 }, (_, i) => inbound.receive(hello(`k${i}`, 'x'.repeat(200)))));
  await store.close();
  const file = join(directory, FILE);
  const bytes = readFileSync(file);
  bytes.fill(0, 4096 * 12, 4096 * 13);
  writeFileSync(file, bytes);
  assert.notEqual(await inspect(file), 'ok');
});

for (const [what, spoil, expected] of [
  [
    'a file that is no database',
    (file: string) => writeFileSync(file, 'x'.repeat(8192)),
    /is not an SQLite database/,
  ],
  [
    'the database of another program',
    (file: string) => new Database(file).exec('CREATE TABLE song (id)').close(),
    /is an SQLite database of another program/,
  ],
  [
    'a store of a newer release',
    (file: string) => {
      const db = new Database(file);
      db.pragma(`application_id = ${APPLICATION_ID}`);
      db.pragma('user_version = 999');
      db.close();
    },
    /has schema 999, this Vigil knows \d+: a newer release wrote it/,
  ],
] as const) {
  test(`${what} is refused and left untouched`, async (t) => {
    const directory = scratch(t);
    const file = join(directory, FILE);
    spoil(file);
    const before = readFileSync(file);
    await assert.rejects(openStore({ directory, principal: 'core' }), {
      name: 'Misconfigured',
      message: expected,
    });
    assert.deepEqual(readFileSync(file), before);
  });
}

test('a store that lost its tail is refused and left untouched', async (t) => {
  const directory = scratch(t);
  const store = await openStore({ directory, principal: 'core' });
  await store.commit([inbound.receive(hello('1'))]);
  await store.close();
  const file = join(directory, FILE);
  truncateSync(file, statSync(file).size - 4096);
  const before = readFileSync(file);
  await assert.rejects(openStore({ directory, principal: 'core' }), {
    name: 'Misconfigured',
    message: /is damaged/,
  });
  assert.deepEqual(readFileSync(file), before);
});

test('a store that the check-up condemned stays closed until someone restores it', async (t) => {
  const directory = scratch(t);
  await (await openStore({ directory, principal: 'core' })).close();
  writeFileSync(join(directory, REFUSED), 'page 7 is torn');
  await assert.rejects(openStore({ directory, principal: 'core' }), {
    message: /the check-up found .* damaged/,
  });
});

test('the store is for its owner only, unless its folder is shared with a group', async (t) => {
  const store = await open(t);
  assert.equal(statSync(store.file).mode & 0o777, 0o600);
});

test('a full disk refuses the write, loses nothing, and is over once there is room', {
  skip: noSmallDisk,
}, async (t) => {
  const { directory } = smallDisk(t, 2048);
  const store = await openStore({ directory: join(directory, 'state'), principal: 'core' });
  t.after(() => store.close());
  await store.commit([inbound.receive(hello('first'))]);
  const ballast = join(directory, 'ballast');
  assert.throws(() => writeFileSync(ballast, Buffer.alloc(2 ** 21)), { code: 'ENOSPC' });
  await assert.rejects(store.commit([inbound.receive(hello('second', 'x'.repeat(100_000)))]), {
    name: 'StoreFull',
    message: /the disk is full .*; nothing was changed/,
  });
  assert.equal(await many(store, 'inbound'), 1);
  truncateSync(ballast, 0);
  await store.commit([inbound.receive(hello('second', 'x'.repeat(100_000)))]);
  assert.equal(await many(store, 'inbound'), 2);
  assert.equal(await inspect(store.file), 'ok');
});

for (const [how, end] of [
  ['closed', 'await store.close()'],
  ['left by a killed process', "process.kill(process.pid, 'SIGKILL')"],
] as const) {
  test(`on a read-only disk a store that was ${how} is refused with what to do about it`, {
    skip: noSmallDisk,
  }, async (t) => {
    const disk = smallDisk(t, 8192);
    const directory = join(disk.directory, 'state');
    const store = join(import.meta.dirname, 'store.ts');
    spawnSync(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { openStore } from ${JSON.stringify(store)};
       const store = await openStore({ directory: ${JSON.stringify(directory)}, principal: 'core' });
       ${end};`,
    ]);
    disk.remount('ro');
    await assert.rejects(openStore({ directory, principal: 'core' }), {
      name: 'Misconfigured',
      message: /cannot be written .*\n {2}cure: give the user \d+ read and write access/,
    });
  });
}
