import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Home, homeOf, lockOf, prepareHome } from '#shared/runtime/home.ts';
import { tryLock } from '#shared/store/liveness.ts';
import { FILE, openStore } from '#shared/store/store.ts';
import * as message from '#shared/tables/message.ts';
import { vigil } from '#shared/testing/cli.ts';
import { buildHouse } from '#shared/testing/house.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { copiesOf } from '../../services/backup/copy.ts';
import { makeBackup } from '../../services/backup/folder.ts';

async function say(home: Home, text: string): Promise<void> {
  const core = await openStore({ directory: home.state, principal: 'core' });
  await core.commit([message.said({ conversation: 'c', text, at: 1, turn_id: 't' })]);
  await core.close();
}

async function said(home: Home): Promise<string[]> {
  const store = await openStore({ directory: home.state, principal: 'cli' });
  const rows = await store.read<{ text: string }>({
    verb: 'test',
    sql: 'SELECT text FROM message ORDER BY id',
    args: [],
  });
  await store.close();
  return rows.map(({ text }) => text);
}

async function house(t: TestContext): Promise<{ home: Home; id: string }> {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  writeFileSync(home.persona, 'be kind');
  mkdirSync(join(home.workspace, 'deep'));
  writeFileSync(join(home.workspace, 'deep', 'notes'), 'notes', { mode: 0o640 });
  symlinkSync('deep/notes', join(home.workspace, 'link'));
  await say(home, 'before');
  const { id } = await makeBackup(home, { job: 'daily backup', now: Date.now(), deep: true });
  return { home, id };
}

test('list shows what there is, verify reads it through, and a damaged one is called so', async (t) => {
  const { home, id } = await house(t);
  assert.match((await vigil(home, ['backup', 'list'])).stdout, new RegExp(`${id} .* daily backup\n`));
  assert.equal(JSON.parse((await vigil(home, ['backup', 'list', '--json'])).stdout)[0].id, id);
  assert.match((await vigil(home, ['backup', 'verify'])).stdout, /^whole: /);
  writeFileSync(join(home.backups, id, 'home', 'persona.md'), 'be cruel');
  const damaged = await vigil(home, ['backup', 'verify', id]);
  assert.deepEqual([damaged.code, damaged.stdout], [78, '']);
  assert.match(damaged.stderr, /is damaged: home\/persona\.md has changed/);
  const refused = await vigil(home, ['backup', 'restore', id]);
  assert.equal(refused.code, 78);
  assert.match(refused.stderr, /is damaged/);
  assert.equal((await vigil(home, ['backup', 'verify', 'nothing'])).code, 78);
});

test('restore puts all back, and what was there stays beside', async (t) => {
  const { home, id } = await house(t);
  await say(home, 'after');
  writeFileSync(home.persona, 'be cruel');
  writeFileSync(join(home.workspace, 'deep', 'notes'), 'other notes');
  const done = await vigil(home, ['backup', 'restore', id]);
  assert.deepEqual([done.code, done.stderr], [0, '']);
  assert.deepEqual(await said(home), ['before']);
  assert.equal(readFileSync(home.persona, 'utf8'), 'be kind');
  assert.equal(readFileSync(join(home.workspace, 'link'), 'utf8'), 'notes');
  const kept = [...done.stdout.matchAll(/is now (.*)\n/g)].map(([, path = '']) => path);
  assert.ok(kept.length >= 4, done.stdout);
  for (const path of kept) assert.ok(existsSync(path), path);
  const store = kept.find((path) => path.includes(FILE)) ?? '';
  const old = homeOf({ VIGIL_HOME: scratch(t) });
  mkdirSync(old.state, { recursive: true });
  renameSync(store, join(old.state, FILE));
  assert.deepEqual(await said(old), ['before', 'after']);
  assert.ok(!readdirSync(home.state).includes('restore.part'));
});

test('restore refuses while a service is alive, and touches nothing', async (t) => {
  const { home, id } = await house(t);
  await say(home, 'after');
  const lock = tryLock(lockOf(home, 'telegram'));
  t.after(() => lock?.release());
  const refused = await vigil(home, ['backup', 'restore', id]);
  assert.equal(refused.code, 78);
  assert.match(refused.stderr, /telegram is running on .*\n {2}cure: stop Vigil first/);
  assert.deepEqual(await said(home), ['before', 'after']);
});

test('an empty machine gets all of it back from an encrypted copy and its passphrase', async (t) => {
  const { home, id } = await house(t);
  const place = scratch(t);
  const config = {
    keep_hourly: 1,
    keep_daily: 0,
    keep_weekly: 0,
    copies: { nas: { kind: 'folder' as const, path: place } },
  };
  const means = { secret: { BACKUP_PASSPHRASE: 'correct horse' }, scratch: place };
  await copiesOf(config, means).get('nas')?.put(id, join(home.backups, id));
  const [file = ''] = readdirSync(place);
  const empty = homeOf({ VIGIL_HOME: join(scratch(t), 'fresh') });
  const wrong = await vigil(empty, ['backup', 'restore', join(place, file)], 'wrong\n');
  assert.equal(wrong.code, 78);
  assert.match(wrong.stderr, /the passphrase is another one/);
  assert.ok(!existsSync(join(empty.state, FILE)));
  const done = await vigil(empty, ['backup', 'restore', join(place, file)], 'correct horse\n');
  assert.deepEqual([done.code, done.stderr, done.stdout], [0, '', `restored into ${empty.directory}\n`]);
  assert.deepEqual(await said(empty), ['before']);
  assert.equal(readFileSync(empty.persona, 'utf8'), 'be kind');
  assert.ok(existsSync(empty.config));

  const other = join(scratch(t), 'other');
  writeFileSync(join(place, 'passphrase'), 'correct horse\n', { mode: 0o600 });
  writeFileSync(home.config, `[backup.copies.nas]\nkind = "folder"\npath = ${JSON.stringify(place)}\n`);
  assert.equal((await vigil(home, ['backup', 'list', '--from', 'nas'])).stdout, `${id}\n`);
  const from = await vigil(home, [
    'backup',
    'restore',
    '--from',
    'nas',
    '--passphrase-file',
    join(place, 'passphrase'),
    '--to',
    other,
  ]);
  assert.deepEqual([from.code, from.stderr], [0, '']);
  assert.deepEqual(await said(homeOf({ VIGIL_HOME: other })), ['before']);
});

test('what root restores belongs to whom it belonged, and stays open to their group', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, async (t) => {
  const { home, id } = await house(t);
  const [uid, gid] = [65_533, 65_534];
  chownSync(home.state, uid, gid);
  chmodSync(home.state, 0o2770);
  chownSync(home.workspace, uid, gid);
  chmodSync(home.workspace, 0o2750);
  chownSync(join(home.state, FILE), uid, gid);
  const done = await vigil(home, ['backup', 'restore', id]);
  assert.equal(done.code, 0, done.stderr);
  const seen = (...path: string[]) => {
    const found = statSync(join(home.state, ...path));
    return [found.uid, found.gid, (found.mode & 0o7777).toString(8)];
  };
  assert.deepEqual(seen(FILE), [uid, gid, '660']);
  assert.deepEqual(seen('workspace'), [uid, gid, '2750']);
  assert.deepEqual(seen('workspace', 'deep'), [uid, gid, '2750']);
  assert.deepEqual(seen('workspace', 'deep', 'notes'), [uid, gid, '660']);
  assert.deepEqual(seen('run', 'core.lock').slice(0, 2), [uid, gid]);
});

test('backup now says that nobody is there to make one', async (t) => {
  const { home } = await house(t);
  const refused = await vigil(home, ['backup', 'now']);
  assert.equal(refused.code, 78);
  assert.match(refused.stderr, /the service is not running/);
});

test('a house asks for a backup while it runs, is restored onto an empty machine, and answers there', async (t) => {
  const first = await buildHouse({ telegram: false, key: false });
  t.after(first.close);
  const running = await first.start();
  const asked = await vigil(first.home, ['send', '--json', 'remember the teapot']);
  assert.equal(asked.code, 0, asked.stderr);
  const made = await vigil(first.home, ['backup', 'now']);
  assert.equal(made.code, 0, made.stderr);
  const id = made.stdout.trim().split(';')[0] ?? '';
  await running.stop();

  const directory = join(scratch(t), 'fresh');
  const done = await vigil(first.home, ['backup', 'restore', id, '--to', directory]);
  assert.equal(done.code, 0, done.stderr);
  const second = await buildHouse({ directory, telegram: false, key: false });
  t.after(second.close);
  await second.start();
  assert.ok(
    (await second.read<{ text: string }>('SELECT text FROM message')).some(({ text }) =>
      text.includes('teapot'),
    ),
  );
  const answer = await vigil(second.home, ['send', '--json', 'are you there?']);
  assert.equal(answer.code, 0, answer.stderr);
  await until('it is answered', async () => (await second.read('SELECT id FROM message')).length >= 4);
});
