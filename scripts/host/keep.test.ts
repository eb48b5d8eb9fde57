import assert from 'node:assert/strict';
import { existsSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { schemaIn } from '#shared/store/offline.ts';
import { FILE, openStore } from '#shared/store/store.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { keepStore, restoreStore } from './keep.ts';

test('the store is put back without writing through a link that a service has left', async (t) => {
  const state = scratch(t);
  await (await openStore({ directory: state, principal: 'core' })).close();
  const snapshot = join(scratch(t), 'snapshots', 'one.db');
  await keepStore(state, snapshot);
  const precious = join(scratch(t), 'precious');
  writeFileSync(precious, 'kept');
  symlinkSync(precious, join(state, `${FILE}.part`));
  const aside = join(state, 'aside.db');
  restoreStore(state, snapshot, schemaIn(snapshot), aside);
  assert.equal(readFileSync(precious, 'utf8'), 'kept');
  assert.ok(lstatSync(join(state, FILE)).isFile() && existsSync(aside));
});
