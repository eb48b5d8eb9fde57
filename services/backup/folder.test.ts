import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { type Home, homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore, type Store } from '#shared/store/store.ts';
import * as message from '#shared/tables/message.ts';
import { noSmallDisk, smallDisk } from '#shared/testing/full-disk.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { checkBackup, listBackups, makeBackup, manifestOf, removeParts } from './folder.ts';

/** Null, or what is wrong with it. */
const check = (folder: string) => checkBackup(folder, `${folder}.check.part`);

async function house(t: TestContext, directory = scratch(t)): Promise<{ home: Home; store: Store }> {
  const home = homeOf({ VIGIL_HOME: directory });
  prepareHome(home);
  mkdirSync(join(home.workspace, 'skills', 'tea'), { recursive: true });
  writeFileSync(join(home.workspace, 'skills', 'tea', 'SKILL.md'), 'how to make tea');
  writeFileSync(join(home.workspace, 'notes with ümlaut\nand line.txt'), 'notes');
  symlinkSync('/etc/passwd', join(home.workspace, 'outside'));
  writeFileSync(home.persona, 'be kind');
  writeFileSync(join(home.files, 'photo.jpg'), Buffer.alloc(100_000, 7));
  const store = await openStore({ directory: home.state, principal: 'core', flush: 'normal' });
  t.after(() => store.close());
  return { home, store };
}

const HOUR_ms = 3_600_000;
const NOW = Date.parse('2026-11-22T12:07:00Z');
const make = (home: Home, hours = 0, deep = false) =>
  makeBackup(home, { job: 'hourly backup', now: NOW + hours * HOUR_ms, deep });

test('a backup holds the store, the config, the persona, the workspace with its skills, and the files', async (t) => {
  const { home } = await house(t);
  const { id } = await make(home);
  const folder = join(home.backups, id);
  assert.deepEqual(await listBackups(home.backups), [id]);
  const manifest = await manifestOf(folder);
  assert.deepEqual(
    manifest.files.map(({ path }) => path).toSorted(),
    [
      'home/config.toml',
      'home/files/photo.jpg',
      'home/persona.md',
      'home/workspace/notes with ümlaut\nand line.txt',
      'home/workspace/skills/tea/SKILL.md',
      'store.db',
    ].toSorted(),
  );
  assert.deepEqual(manifest.links, [{ path: 'home/workspace/outside', target: '/etc/passwd' }]);
  assert.ok(!existsSync(join(folder, 'home/workspace/outside')), 'no link is followed');
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(await check(folder), null);
});

test('what has not changed is a hard link to the backup before; what has is copied', async (t) => {
  const { home } = await house(t);
  const first = await make(home);
  writeFileSync(home.persona, 'be brief');
  const second = await make(home, 1);
  const inode = (id: string, path: string) => statSync(join(home.backups, id, path)).ino;
  assert.equal(inode(first.id, 'home/files/photo.jpg'), inode(second.id, 'home/files/photo.jpg'));
  assert.notEqual(inode(first.id, 'home/persona.md'), inode(second.id, 'home/persona.md'));
  // The older one may go: the newer one lacks nothing.
  rmSync(join(home.backups, first.id), { recursive: true });
  assert.equal(await check(join(home.backups, second.id)), null);
});

test('the daily one reads what has not changed, and copies anew what a disk has spoilt', async (t) => {
  const { home } = await house(t);
  const first = await make(home);
  const copy = join(home.backups, first.id, 'home/files/photo.jpg');
  const { mtime } = statSync(join(home.files, 'photo.jpg'));
  const bytes = readFileSync(copy);
  bytes.writeUInt8(8, 5000);
  writeFileSync(copy, bytes);
  const second = await make(home, 1, true);
  assert.equal(await check(join(home.backups, second.id)), null);
  assert.match((await check(join(home.backups, first.id))) ?? '', /photo\.jpg has changed/);
  // One that has changed under its old time is seen by the daily one alone.
  writeFileSync(join(home.files, 'photo.jpg'), Buffer.alloc(100_000, 9));
  utimesSync(join(home.files, 'photo.jpg'), mtime, mtime);
  const third = await make(home, 2, true);
  assert.equal(readFileSync(join(home.backups, third.id, 'home/files/photo.jpg'))[0], 9);
});

test('a bit that flips anywhere in a backup is noticed', async (t) => {
  const { home } = await house(t);
  const { id, files } = await make(home);
  for (const { path, bytes } of files) {
    for (const at of [0, Math.floor(bytes / 2), bytes - 1]) {
      const file = join(home.backups, id, path);
      const content = readFileSync(file);
      content.writeUInt8(content.readUInt8(at) ^ 1, at);
      writeFileSync(file, content);
      assert.notEqual(await check(join(home.backups, id)), null, `${path} at ${at}`);
      content.writeUInt8(content.readUInt8(at) ^ 1, at);
      writeFileSync(file, content);
    }
  }
  assert.equal(await check(join(home.backups, id)), null);
  rmSync(join(home.backups, id, 'manifest.json'));
  assert.match((await check(join(home.backups, id))) ?? '', /ENOENT/);
});

test('what may not be read is left out, and said to be', {
  skip: process.getuid?.() === 0 && 'root may read all',
}, async (t) => {
  const { home } = await house(t);
  chmodSync(home.persona, 0);
  const { left_out } = await make(home);
  assert.match(left_out.join(), /persona\.md: EACCES/);
});

test('a full disk leaves nothing half made, and the next one succeeds', { skip: noSmallDisk }, async (t) => {
  const { directory } = smallDisk(t, 8000);
  const { home, store } = await house(t, directory);
  const ballast = join(directory, 'ballast');
  const free =
    8000 * 1024 -
    readdirSync(directory, { recursive: true }).reduce(
      (sum, name) => sum + statSync(join(directory, String(name))).size,
      0,
    );
  writeFileSync(ballast, Buffer.alloc(free - 500_000));
  await assert.rejects(make(home), /the disk is full|ENOSPC/);
  assert.deepEqual(readdirSync(home.backups), []);
  rmSync(ballast);
  await make(home);
  assert.equal((await listBackups(home.backups)).length, 1);
  await store.close();
});

test('killed at any moment, it leaves no half backup that is called whole', async (t) => {
  const { home, store } = await house(t);
  await store.commit(
    Array.from({ length: 2000 }, (_, i) =>
      message.said({ conversation: 'c', text: `${i} ${'x'.repeat(2000)}`, at: i, turn_id: 't' }),
    ),
  );
  for (let i = 0; i < 60; i++) writeFileSync(join(home.files, `f${i}`), `${i}`);
  const code = `
    const [folder, homes] = await Promise.all([import('${root}/services/backup/folder.ts'), import('${root}/shared/runtime/home.ts')]);
    process.stdout.write('now');
    await folder.makeBackup(homes.homeOf(), { job: 'test', now: Date.now(), deep: true });
    process.stdout.write('made');
  `;
  mkdirSync(home.backups);
  const states = new Set<string>();
  let whole = 0;
  for (let i = 0; i < 40 && (states.size < 3 || whole === 0); i++) {
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
      cwd: root,
      env: { ...process.env, VIGIL_HOME: home.directory },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const timer = setTimeout(() => child.kill('SIGKILL'), i * 30);
    await once(child, 'close');
    clearTimeout(timer);
    const [part] = readdirSync(home.backups).filter((name) => name.endsWith('.part'));
    states.add(part ? readdirSync(join(home.backups, part)).toSorted().join() : 'none');
    const ids = await listBackups(home.backups);
    if (ids.length > 0) whole += 1;
    for (const id of ids) {
      assert.equal(await check(join(home.backups, id)), null);
      rmSync(join(home.backups, id), { recursive: true });
    }
    await removeParts(home.backups);
    assert.deepEqual(readdirSync(home.backups), []);
  }
  assert.ok(states.size >= 3 && whole > 0, `seen: ${[...states].join(' | ')}, whole: ${whole}`);
});

test('a backup is made while a copy of the folder lies beside it', async (t) => {
  const { home } = await house(t);
  const { id } = await make(home);
  cpSync(join(home.backups, id), join(home.backups, 'my own copy'), { recursive: true });
  await make(home, 1);
  assert.equal((await listBackups(home.backups)).length, 2);
  assert.ok(existsSync(join(home.backups, 'my own copy')));
});

test('a backup that would be restored beside its folder is refused, and so is one that writes behind a link', async (t) => {
  const { home } = await house(t);
  const { id } = await make(home);
  const folder = join(home.backups, id);
  const whole = readFileSync(join(folder, 'manifest.json'), 'utf8');
  const evil = (change: (manifest: Awaited<ReturnType<typeof manifestOf>>) => void) => {
    const manifest = JSON.parse(whole);
    change(manifest);
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  };
  const file = { bytes: 0, mode: 0o644, modified_ms: 0, sha256: '' };
  for (const path of ['../x', '/etc/x', 'home/../../x']) {
    evil(({ files }) => files.push({ ...file, path }));
    assert.match((await check(folder)) ?? '', /a file of the name/);
    evil(({ links }) => links.push({ path, target: '/' }));
    assert.match((await check(folder)) ?? '', /a file of the name/);
  }
  evil(({ links }) => links.push({ path: 'home/workspace/outside/x', target: '/' }));
  assert.match((await check(folder)) ?? '', /behind a link/);
});

test('a check writes nothing through a link in the place of its scratch file', async (t) => {
  const { home } = await house(t);
  const { id } = await make(home);
  const precious = join(home.directory, 'precious');
  writeFileSync(precious, 'kept');
  symlinkSync(precious, join(home.state, 'check'));
  assert.equal(await checkBackup(join(home.backups, id), join(home.state, 'check')), null);
  assert.equal(readFileSync(precious, 'utf8'), 'kept');
});
