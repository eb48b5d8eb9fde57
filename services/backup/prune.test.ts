import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { FILE, openStore, type Store } from '#shared/store/store.ts';
import type { Table } from '#shared/tables/op.ts';
import { tables } from '#shared/tables/tables.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { prune } from './prune.ts';

const DAY_ms = 86_400_000;
const signal = new AbortController().signal;

/** A store, and the file beside every pen. */
async function house(t: TestContext): Promise<{ store: Store; db: Database.Database }> {
  const directory = scratch(t);
  const store = await openStore({ directory, principal: 'backup', flush: 'normal' });
  const db = new Database(join(directory, FILE));
  t.after(async () => {
    db.close();
    await store.close();
  });
  return { store, db };
}

type Column = { name: string; type: string; notnull: 0 | 1; dflt_value: string | null; pk: number };

let made = 0;

/** Puts a row into the table, whatever columns it has: these, and for the others what their type takes. */
function put(
  db: Database.Database,
  table: string,
  values: Record<string, string | number | null>,
): number | bigint {
  made += 1;
  const columns = db.pragma(`table_info(${table})`) as Column[];
  const sql = String(db.prepare(`SELECT sql FROM sqlite_schema WHERE name = ?`).pluck().get(table));
  const row: Record<string, string | number | null> = {};
  for (const { name, type, notnull, dflt_value, pk } of columns) {
    if (name in values) row[name] = values[name] ?? null;
    else if (pk > 0 && type === 'INTEGER' && name === 'id') continue;
    else if (notnull && dflt_value === null) {
      const allowed = new RegExp(`\\b${name} [^,]*?CHECK \\(${name} IN\\s+\\(([^)]*)\\)`).exec(sql)?.[1];
      const last = allowed?.split(', ').at(-1)?.replaceAll("'", '');
      row[name] = type === 'TEXT' ? (last ?? `v${made}`) : type === 'BLOB' ? 'x' : made;
    }
  }
  const names = Object.keys(row);
  const blobs = new Set(columns.filter(({ type }) => type === 'BLOB').map(({ name }) => name));
  return db
    .prepare(`INSERT INTO ${table} (${names}) VALUES (${names.map(() => '?')})`)
    .run(...names.map((name) => (blobs.has(name) ? Buffer.from('x') : (row[name] ?? null)))).lastInsertRowid;
}

const byAge = tables.flatMap((table) =>
  typeof table.keeps === 'object' && 'days' in table.keeps ? [{ ...table, keeps: table.keeps }] : [],
);

test('most tables that grow say in days how long they keep', () => {
  for (const name of [
    'call',
    'decision',
    'turn',
    'step',
    'tool_call',
    'slot',
    'incident',
    'error',
    'external_call',
  ])
    assert.ok(
      byAge.some((table) => table.name === name),
      name,
    );
  for (const name of ['message', 'inbound', 'wish', 'summary'])
    assert.equal(tables.find((table) => table.name === name)?.keeps, 'until forgotten');
});

for (const table of byAge) {
  test(`${table.name}: nothing younger than ${table.keeps.days} days goes, nothing older stays`, async (t) => {
    const { store, db } = await house(t);
    const now = Date.now();
    const edge = now - table.keeps.days * DAY_ms;
    const ages = [edge - 1, edge, edge + 60_000, 1, now];
    for (let i = 0; i < 300; i++) ages.push(randomInt(0, 2 * 400) * DAY_ms + now - 800 * DAY_ms);
    for (const at of ages) {
      put(db, table.name, { [table.keeps.since]: at, ...over(table) });
    }
    await prune(store, { now, signal });
    const left = db.prepare<[], number>(`SELECT ${table.keeps.since} FROM ${table.name}`).pluck().all();
    const expected = ages.filter((at) => at >= edge);
    assert.deepEqual(
      left.toSorted((a, b) => a - b),
      expected.toSorted((a, b) => a - b),
    );
  });
}

/** What makes a row of these one that is over. */
function over({ name }: Table): Record<string, string | number> {
  const values: Record<string, Record<string, string | number>> = {
    spend: { held_nanousd: 0 },
    draft: { open: 0 },
    approval: { state: 'denied' },
    preview: { state: 'ended' },
    outbound: { channel: 'canary' },
    memory_change: { op: 'add' },
  };
  return values[name] ?? {};
}

test('what is not over stays, however old: open rows, and all that a running turn has', async (t) => {
  const { store, db } = await house(t);
  const at = 1;
  put(db, 'turn', { id: 'running', state: 'running', created_at: at, finished_at: null });
  put(db, 'turn', { id: 'over', state: 'done', created_at: at, finished_at: at });
  for (const turn_id of ['running', 'over']) {
    put(db, 'step', { turn_id, at });
    put(db, 'decision', { turn_id, at });
    put(db, 'taint', { turn_id, at });
    put(db, 'tool_call', { turn_id, finished_at: at });
  }
  put(db, 'call', { id: 'open', state: 'open', opened_at: at, closed_at: null });
  put(db, 'approval', { state: 'open', asked_at: at });
  put(db, 'incident', { opened_at: at, closed_at: null });
  put(db, 'spend', { starts_at: at, held_nanousd: 5 });
  put(db, 'draft', { open: 1, changed_at: at });
  put(db, 'task', { state: 'running', created_at: at, finished_at: null });
  put(db, 'press', { received_at: at, handled_at: null });
  put(db, 'ruling', { given_at: at, handled_at: null });
  put(db, 'slot', { state: 'due', created_at: at, finished_at: null });
  put(db, 'message', { at, turn_id: 'over' });
  put(db, 'inbound', { received_at: at, channel: 'telegram', turn_id: 'over' });
  put(db, 'outbound', { created_at: at, channel: 'telegram', turn_id: null });
  const gone = await prune(store, { now: Date.now(), signal });
  assert.deepEqual(Object.fromEntries(gone), { decision: 1, step: 1, taint: 1, tool_call: 1, turn: 1 });
});

test('a batch goes with its call', async (t) => {
  const { store, db } = await house(t);
  for (const id of ['old', 'young']) {
    put(db, 'call', { id, state: 'settled', closed_at: id === 'old' ? 1 : Date.now() });
    put(db, 'batch', { call_id: id });
  }
  await prune(store, { now: Date.now(), signal });
  assert.deepEqual(db.prepare('SELECT call_id FROM batch').pluck().all(), ['young']);
});

test('it goes through tables of any length, hours of the sums as wholes', async (t) => {
  const { store, db } = await house(t);
  db.transaction(() => {
    for (let i = 0; i < 1000; i++) {
      put(db, 'error', { service: 'core', at: i % 3 === 0 ? Date.now() : i });
      put(db, 'total', { hour_at: i % 2, model: `m${i}` });
    }
  })();
  const gone = await prune(store, { now: Date.now(), signal });
  assert.deepEqual(Object.fromEntries(gone), { error: 666, total: 1000 });
});

test('one that is told to stop stops, and the next one ends it', async (t) => {
  const { store, db } = await house(t);
  db.transaction(() => {
    for (let i = 0; i < 1000; i++) put(db, 'error', { service: 'core', at: i });
  })();
  const stop = new AbortController();
  const stopping: Store = {
    ...store,
    commit(ops, when) {
      stop.abort();
      return store.commit(ops, when);
    },
  };
  assert.deepEqual(Object.fromEntries(await prune(stopping, { now: Date.now(), signal: stop.signal })), {
    error: 200,
  });
  assert.deepEqual(Object.fromEntries(await prune(store, { now: Date.now(), signal })), { error: 800 });
});

test('the pen holds: backup removes what is old from any table, and writes in none but its own', async (t) => {
  const { store, db } = await house(t);
  put(db, 'error', { service: 'core', at: Date.now() });
  put(db, 'message', { at: 1 });
  const write = (sql: string) => store.commit([{ verb: 'test', sql, args: [] }]);
  await assert.rejects(write('DELETE FROM error'), /backup tried to delete from error/);
  await assert.rejects(write('DELETE FROM message'), /backup tried to delete from message/);
  await assert.rejects(write("UPDATE error SET event = 'x'"), /backup tried to update error/);
  await assert.rejects(
    write("UPDATE turn SET state = 'x'").then(() => write("INSERT INTO chat (chat) VALUES ('x')")),
    /backup tried to/,
  );
});

test('nobody else may remove what is old', async (t) => {
  const { db } = await house(t);
  put(db, 'turn', { id: 'old', state: 'done', finished_at: 1 });
  const telegram = await openStore({
    directory: join(db.name, '..'),
    principal: 'telegram',
    flush: 'normal',
  });
  t.after(() => telegram.close());
  await assert.rejects(
    telegram.commit([{ verb: 'test', sql: 'DELETE FROM turn', args: [] }]),
    /telegram tried to/,
  );
});

test('of a job that is there the last 500 times stay, however old, and of one that is gone none', async (t) => {
  const { store, db } = await house(t);
  const now = Date.now();
  const long_ago = now - 100 * DAY_ms;
  put(db, 'schedule', { name: 'there', state: 'active', at: 1 });
  for (const job of ['there', 'gone']) {
    for (let i = 0; i < 502; i++) {
      put(db, 'slot', { job, due_at: i, state: 'done', finished_at: i === 501 ? now : long_ago });
    }
  }
  await prune(store, { now, signal });
  const left = db.prepare(`SELECT job, count(*) AS n, min(due_at) AS first FROM slot GROUP BY job`).all();
  assert.deepEqual(left, [
    { job: 'gone', n: 1, first: 501 },
    { job: 'there', n: 500, first: 2 },
  ]);
});

test('what a job was before goes after 400 days, what it is stays, and a deleted one does not come back', async (t) => {
  const { store, db } = await house(t);
  const now = Date.now();
  const old = now - 401 * DAY_ms;
  const put_ = (name: string, state: string, at: number) => put(db, 'schedule', { name, state, at });
  for (const [state, at] of [
    ['active', old],
    ['paused', old],
    ['active', old + 1],
  ] as const) {
    put_('there', state, at);
  }
  // Its clock was ahead when it was made: its first row is younger than its last.
  put_('deleted', 'active', now);
  put_('deleted', 'deleted', old);
  put_('forgotten', 'active', old);
  put_('forgotten', 'deleted', old);
  const open = put_('at work', 'active', old);
  put_('at work', 'active', now);
  put(db, 'slot', {
    job: 'at work',
    due_at: 1,
    state: 'started',
    finished_at: null,
    schedule_id: Number(open),
  });
  for (let day = 0; day < 2; day++) await prune(store, { now, signal });
  const left = db.prepare('SELECT name, state FROM schedule ORDER BY id').raw().all();
  assert.deepEqual(left, [
    ['there', 'active'],
    ['deleted', 'active'],
    ['deleted', 'deleted'],
    ['at work', 'active'],
    ['at work', 'active'],
  ]);
});
