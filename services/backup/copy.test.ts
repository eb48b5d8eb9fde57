import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Home, homeOf, prepareHome } from '#shared/runtime/home.ts';
import { openStore } from '#shared/store/store.ts';
import { freePort } from '#shared/testing/ports.ts';
import { ACCESS, startBucket } from '#shared/testing/s3.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import type { CopySetting } from './config.ts';
import { s3Copy } from './copy/s3.ts';
import { type Copy, copiesOf } from './copy.ts';
import { checkBackup, makeBackup } from './folder.ts';

/** Null, or what is wrong with it. */
const check = (folder: string) => checkBackup(folder, `${folder}.check.part`);

const SECRET = {
  BACKUP_PASSPHRASE: 'correct horse',
  AWS_ACCESS_KEY_ID: ACCESS.id,
  AWS_SECRET_ACCESS_KEY: ACCESS.secret,
};
const KEEP = { keep_hourly: 24, keep_daily: 14, keep_weekly: 8 };

const without = (program: string, ...args: string[]) =>
  spawnSync(program, args).status === 0 ? false : `needs ${program}`;

async function house(t: TestContext): Promise<{ home: Home; ids: string[] }> {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  writeFileSync(join(home.files, 'noise'), randomBytes(300_000));
  writeFileSync(home.persona, 'a word that nobody else may read');
  await (await openStore({ directory: home.state, principal: 'core' })).close();
  const ids: string[] = [];
  for (const now of [1e12, 1.1e12, 1.2e12])
    ids.push((await makeBackup(home, { job: 'test', now, deep: false })).id);
  return { home, ids };
}

function copyOf(home: Home, setting: CopySetting, secret: Record<string, string> = SECRET): Copy {
  const copy = copiesOf(
    { ...KEEP, copies: { it: setting } },
    { secret, scratch: join(home.backups, 'copying') },
  ).get('it');
  assert.ok(copy);
  return copy;
}

/** What holds for every place. */
async function itKeeps(home: Home, ids: string[], copy: Copy): Promise<void> {
  for (const id of ids) await copy.put(id, join(home.backups, id));
  assert.deepEqual(await copy.list(), ids);
  const [first = '', second = '', third = ''] = ids;
  await copy.put(third, join(home.backups, third)); // the second time is harmless
  const to = join(home.directory, 'fetched');
  const manifest = await copy.fetch(second, to);
  assert.equal(manifest.id, second);
  assert.equal(await check(to), null);
  await copy.remove([first, second]);
  assert.deepEqual(await copy.list(), [third]);
  await copy.remove([]);
  await assert.rejects(copy.fetch(first, join(home.directory, 'gone')));
}

test('a folder keeps encrypted copies, and gives them back', async (t) => {
  const { home, ids } = await house(t);
  const path = scratch(t);
  const copy = copyOf(home, { kind: 'folder', path });
  await itKeeps(home, ids, copy);
  const [file = ''] = readdirSync(path);
  assert.ok(!readFileSync(join(path, file)).includes('manifest'));
  const other = copyOf(home, { kind: 'folder', path }, { BACKUP_PASSPHRASE: 'wrong' });
  await assert.rejects(other.fetch(ids[2] ?? '', join(home.directory, 'x')), /passphrase/);
});

test('a folder that is not there is not made: its disk may not be mounted', async (t) => {
  const { home, ids } = await house(t);
  const copy = copyOf(home, { kind: 'folder', path: join(home.directory, 'not', 'mounted') });
  await assert.rejects(copy.put(ids[0] ?? '', join(home.backups, ids[0] ?? '')), { code: 'ENOENT' });
});

test('without a passphrase nothing leaves, and the cure is said', async (t) => {
  const { home, ids } = await house(t);
  const path = scratch(t);
  const copy = copyOf(home, { kind: 'folder', path }, {});
  await assert.rejects(
    copy.put(ids[0] ?? '', join(home.backups, ids[0] ?? '')),
    /BACKUP_PASSPHRASE is missing\n {2}cure: put/,
  );
  assert.deepEqual(readdirSync(path), []);
});

test('rsync keeps encrypted copies, and gives them back', {
  skip: without('rsync', '--version'),
}, async (t) => {
  const { home, ids } = await house(t);
  const target = scratch(t);
  writeFileSync(join(target, 'somebody else’s'), 'x');
  await itKeeps(home, ids, copyOf(home, { kind: 'rsync', target }));
  assert.ok(readdirSync(target).includes('somebody else’s'));
  assert.deepEqual(readdirSync(join(home.backups, 'copying')), [], 'nothing stays on the way');
});

test('restic keeps copies, and gives them back', { skip: without('restic', 'version') }, async (t) => {
  const { home, ids } = await house(t);
  const repository = join(scratch(t), 'repository');
  const copy = copyOf(home, { kind: 'restic', repository });
  const [id = ''] = ids;
  await copy.put(id, join(home.backups, id));
  assert.deepEqual(await copy.list(), [id]);
  const to = join(home.directory, 'fetched');
  await copy.fetch(id, to);
  assert.equal(await check(to), null);
  await copy.remove([id]);
  assert.deepEqual(await copy.list(), []);
  const other = copyOf(home, { kind: 'restic', repository }, { RESTIC_PASSWORD: 'wrong' });
  await assert.rejects(other.list(), /wrong password/);
});

test('a program that is not installed says how to get it', async (t) => {
  const { home, ids } = await house(t);
  const path = process.env.PATH;
  process.env.PATH = '/nowhere';
  t.after(() => {
    process.env.PATH = path;
  });
  const copy = copyOf(home, { kind: 'restic', repository: 'x' });
  await assert.rejects(copy.put(ids[0] ?? '', home.backups), /restic is not installed\n {2}cure: install it/);
});

test('a bucket keeps encrypted copies, and gives them back', async (t) => {
  const { home, ids } = await house(t);
  const bucket = await startBucket('mine', 'eu-central-1');
  t.after(bucket.close);
  bucket.objects.set('other/file', Buffer.from('x'));
  const setting = {
    kind: 's3' as const,
    endpoint: bucket.endpoint,
    bucket: 'mine',
    prefix: 'vigil/',
    region: 'eu-central-1',
  };
  await itKeeps(home, ids, copyOf(home, setting));
  assert.deepEqual([...bucket.objects.keys()].toSorted(), ['other/file', `vigil/${ids[2]}.vigil-backup`]);
  await assert.rejects(
    copyOf(home, setting, { ...SECRET, AWS_SECRET_ACCESS_KEY: 'wrong' }).list(),
    /403 .*SignatureDoesNotMatch/,
  );
});

test('a large backup goes in parts; one that fails halfway leaves none of them', async (t) => {
  const { home } = await house(t);
  writeFileSync(join(home.files, 'large'), randomBytes(12 * 2 ** 20));
  const { id } = await makeBackup(home, { job: 'test', now: 2e12, deep: false });
  const bucket = await startBucket('mine');
  t.after(bucket.close);
  const copy = s3Copy(
    { endpoint: bucket.endpoint, bucket: 'mine' },
    { secret: SECRET, scratch: home.backups },
    5 * 2 ** 20,
  );
  await copy.put(id, join(home.backups, id));
  assert.equal(bucket.heard.filter((line) => line.includes('partNumber=')).length, 3);
  assert.equal((await copy.fetch(id, join(home.directory, 'fetched'))).id, id);
  bucket.objects.clear();
  bucket.failing.parts = 1;
  await assert.rejects(copy.put(id, join(home.backups, id)), /AccessDenied/);
  assert.deepEqual([bucket.objects.size, bucket.uploads.size], [0, 0]);
});

test('an archive that would write beside its folder is refused', async (t) => {
  const { seal } = await import('./seal.ts');
  const { unpacked } = await import('./archive.ts');
  const { gzipSync } = await import('node:zlib');
  const to = join(scratch(t), 'a', 'b');
  mkdirSync(join(to, '..'), { recursive: true });
  for (const path of ['../x', '/etc/x', 'a/../../x']) {
    const archive = gzipSync(`${JSON.stringify({ path, bytes: 1 })}\nx`);
    await assert.rejects(
      unpacked(seal([archive], 'p'), 'p', join(to, String(path.length))),
      /a file of the name/,
    );
  }
});

const SSHD = '/usr/sbin/sshd';
const noSsh =
  existsSync(SSHD) && process.getuid?.() === 0
    ? without('rsync', '--version') || without('restic', 'version')
    : 'needs sshd, and root to start it: apt-get install openssh-server';

/** A machine that is reached by ssh: this one, by a door of its own, for a key that was made for it. */
async function sshHost(t: TestContext): Promise<{ host: string; key: string; port: number; folder: string }> {
  const directory = scratch(t);
  const [door, key] = [join(directory, 'door'), join(directory, 'key')];
  for (const file of [door, key]) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  const allowed = join(directory, 'authorized_keys');
  writeFileSync(allowed, readFileSync(`${key}.pub`));
  chmodSync(allowed, 0o600);
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const port = await freePort();
  const settings = [
    ...[`ListenAddress=127.0.0.1:${port}`, `HostKey=${door}`, `AuthorizedKeysFile=${allowed}`],
    ...['PidFile=none', 'StrictModes=no', 'UsePAM=no', 'PasswordAuthentication=no'],
    ...['PermitRootLogin=prohibit-password', 'Subsystem=sftp internal-sftp'],
  ];
  const sshd = spawn(SSHD, ['-D', '-e', '-f', '/dev/null', ...settings.flatMap((line) => ['-o', line])]);
  t.after(() => sshd.kill());
  const listens = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      }).once('error', () => resolve(false));
    });
  await until('sshd listens', listens);
  return { host: `${userInfo().username}@127.0.0.1`, key, port, folder: join(directory, 'backups') };
}

test('rsync reaches another machine by ssh, whose key it notes at the first time', {
  skip: noSsh,
}, async (t) => {
  const { home, ids } = await house(t);
  const { host, key, port, folder } = await sshHost(t);
  mkdirSync(folder);
  const setting = { kind: 'rsync' as const, target: `${host}:${folder}`, key, port };
  await itKeeps(home, ids, copyOf(home, setting));
  assert.match(readFileSync(`${key}.known_hosts`, 'utf8'), /ed25519/);
  // Another machine that answers in its place is refused.
  const other = await sshHost(t);
  writeFileSync(`${key}.known_hosts`, `[127.0.0.1]:${port} ${readFileSync(`${other.key}.pub`, 'utf8')}`);
  await assert.rejects(copyOf(home, setting).list(), /Host key verification failed/);
});

test('restic reaches another machine by sftp', { skip: noSsh }, async (t) => {
  const { home, ids } = await house(t);
  const { host, key, port, folder } = await sshHost(t);
  const copy = copyOf(home, { kind: 'restic', repository: `sftp://${host}:${port}/${folder}`, key });
  const [id = ''] = ids;
  await copy.put(id, join(home.backups, id));
  assert.deepEqual(await copy.list(), [id]);
  const to = join(home.directory, 'fetched');
  await copy.fetch(id, to);
  assert.equal(await check(to), null);
});
