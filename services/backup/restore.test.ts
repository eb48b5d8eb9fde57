import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTombstones } from '#shared/forget/tombstones.ts';
import { homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore } from '#shared/store/store.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { bytesOf, speak, storeFiles } from '#shared/testing/spoken.ts';
import { makeBackup } from './folder.ts';
import { restore } from './restore.ts';

const SECRET = 'my locker opens with Zebra 88-41';

test('a backup from before something was forgotten is restored without it, before anybody can read it', async (t) => {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  mkdirSync(home.workspace, { recursive: true });
  await speak(home, [
    { turn: '01-a', text: 'good morning to you', answer: 'and to you', at: 1000 },
    { turn: '02-b', text: SECRET, answer: `so: ${SECRET}`, at: 2000, memory: SECRET, file: SECRET },
  ]);
  const { id } = await makeBackup(home, { job: 'by hand', now: Date.UTC(2026, 1, 1), deep: true });
  const folder = join(home.backups, id);
  const stones = openTombstones(home.state);
  const names = [
    ['turn', '02-b'],
    ['memory', 'uid-02-b'],
    ['memory', 'sum-02-b'],
  ] as const;

  // Nothing is forgotten yet: what is restored is what was backed up.
  await restore(folder, home, Date.UTC(2026, 1, 2));
  assert.ok(bytesOf(storeFiles(home), SECRET) > 20);
  assert.ok(existsSync(join(home.files, '2.txt')));

  stones.write(names.map(([kind, name]) => ({ hmac: stones.of(kind, name), kind, at: 1 })));
  await restore(folder, home, Date.UTC(2026, 1, 3));
  assert.equal(bytesOf(storeFiles(home), SECRET), 0);
  assert.ok(!existsSync(join(home.files, '2.txt')));
  assert.ok(!existsSync(join(home.files, 'call-02-b')));
  const store = await openStore({ directory: home.state, principal: 'core' });
  t.after(() => store.close());
  const count = async (sql: string) =>
    (await store.read<{ n: number }>({ verb: 'test', sql, args: [] }))[0]?.n;
  assert.equal(await count('SELECT count(*) AS n FROM message'), 2);
  assert.equal(await count('SELECT count(*) AS n FROM passage'), 2);
  assert.equal(await count('SELECT count(*) AS n FROM tombstone'), 3);
});
