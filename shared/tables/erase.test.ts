import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { migrate } from '../store/migrate.ts';
import { openStore } from '../store/store.ts';
import { scratch } from '../testing/scratch.ts';
import * as erase from './erase.ts';
import { tables } from './tables.ts';

const op = (sql: string) => ({ verb: 'test', sql, args: [] });

test('memory may take out of the tables of others what it forgets, and at no other time, and nobody else may', async (t) => {
  const directory = scratch(t);
  const core = await openStore({ directory, principal: 'core' });
  t.after(() => core.close());
  const memory = await openStore({ directory, principal: 'memory' });
  t.after(() => memory.close());
  const say = op(
    `INSERT INTO message (conversation, role, text, at, turn_id) VALUES ('c', 'user', 'hello', 1, 't')`,
  );
  await core.commit([say]);
  const gone = op("DELETE FROM message WHERE turn_id = 't'");
  await assert.rejects(memory.commit([gone]), /memory tried to delete from message, whose pen core holds/);
  await assert.rejects(memory.commit([op("UPDATE message SET text = ''")]), /may only read it/);
  const telegram = await openStore({ directory, principal: 'telegram' });
  t.after(() => telegram.close());
  const erasure = erase.erase({ ...erase.NOTHING, turn: ['t'] });
  await assert.rejects(telegram.commit(erasure), /telegram tried to delete/);
  await memory.commit(erase.erase({ ...erase.NOTHING, turn: ['t'] }));
  assert.deepEqual(await core.read({ verb: 'test', sql: 'SELECT * FROM message', args: [] }), []);
  await core.commit([say]);
  await assert.rejects(memory.commit([gone]), /memory tried to delete/, 'it is over with its unit');
  // One that fails leaves the door shut.
  const [begin] = erase.erase(erase.NOTHING);
  assert.ok(begin);
  await assert.rejects(memory.commit([begin, op("INSERT INTO call (id) VALUES ('x')")]));
  await assert.rejects(memory.commit([gone]), /memory tried to delete/);
  // Rows that are blanked do not go.
  await core.commit([
    op(
      "INSERT INTO decision (id, turn_id, round, conversation, action, at) VALUES ('d', 't', 1, 'c', 'answer', 1)",
    ),
  ]);
  await assert.rejects(memory.commit([begin, op('DELETE FROM decision')]), /delete from decision/);
});

test('every table with a column for words says how it lets go of them, or has them struck', () => {
  const db = new Database(':memory:');
  try {
    migrate(db);
    const of = new Set(
      db
        .prepare(erase.columns.sql)
        .all()
        .map((row) => (row as { table: string }).table),
    );
    // Those whose words are the house's own, or that are struck where somebody else's got into them.
    const declared = tables.filter((table) => table.erase).map(({ name }) => name);
    for (const name of [
      'message',
      'step',
      'inbound',
      'outbound',
      'tool_call',
      'passage',
      'memory',
      'error',
      'wish',
    ])
      assert.ok(declared.includes(name) && of.has(name), name);
    for (const name of ['incident', 'telling', 'slot', 'heartbeat']) assert.ok(of.has(name), name);
  } finally {
    db.close();
  }
});

test('what a turn has left is found by indexes: no table that grows is read through', () => {
  const db = new Database(':memory:');
  migrate(db);
  // Short by what they keep, or read a few times a year.
  const small = [
    'approval',
    'replay',
    'memory_change',
    'attachment',
    'memory_source',
    'profile',
    'wish',
    'memory_run',
  ];
  const slow = erase
    .erase(erase.NOTHING)
    .slice(1, -1)
    .filter(({ verb }) => !small.includes(verb.split('.')[0] ?? ''))
    .flatMap(({ verb, sql }) => {
      const name = verb.split('.')[0];
      const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all('{}') as { detail: string }[];
      return plan
        .filter(({ detail }) => new RegExp(`SCAN ${name}\\b`).test(detail))
        .map(({ detail }) => `${verb}: ${detail}`);
    });
  db.close();
  assert.deepEqual(slow, []);
});
