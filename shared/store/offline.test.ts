import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as heartbeat from '../tables/heartbeat.ts';
import * as press from '../tables/press.ts';
import { scratch } from '../testing/scratch.ts';
import { latest } from './migrate.ts';
import { findingsIn, readFrom, schemaIn } from './offline.ts';
import { FILE, openStore } from './store.ts';

test('a store in use is looked at without being changed', async (t) => {
  const directory = scratch(t);
  const store = await openStore({ directory, principal: 'cli' });
  t.after(() => store.close());
  const from = { source: 'test', channel: 'terminal', conversation: 'c', chat: null, sender: 'ann' } as const;
  await store.commit([
    press.receive({ ...from, source_key: '1', data: 'x', message_ref: null, received_at: 1 }),
  ]);
  const file = join(directory, FILE);
  const { schema, integrity, rows } = findingsIn(file);
  assert.deepEqual([schema, integrity, rows.press, rows.turn], [latest(), 'ok', 1, 0]);
  assert.deepEqual([schemaIn(file), readFrom(file, heartbeat.all)], [latest(), []]);
});

test('a store that is not there or empty has no schema, and one that nobody can read has one beyond all', (t) => {
  const file = join(scratch(t), FILE);
  assert.deepEqual([schemaIn(file), readFrom(file, heartbeat.all)], [0, []]);
  writeFileSync(file, '');
  assert.deepEqual([schemaIn(file), readFrom(file, heartbeat.all)], [0, []]);
  writeFileSync(file, 'this was a store once, and it is one no longer');
  assert.equal(schemaIn(file), Number.POSITIVE_INFINITY);
});
