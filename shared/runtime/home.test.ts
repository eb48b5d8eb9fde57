import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { root } from '../base/root.ts';
import { noSmallDisk, smallDisk } from '../testing/full-disk.ts';
import { scratch } from '../testing/scratch.ts';
import { homeOf, lockOf, prepareHome, prepareSocket, socketOf, umaskOf } from './home.ts';

const modeOf = (path: string) => statSync(path).mode & 0o777;

test('everything lies below VIGIL_HOME, and below .vigil/ of the checkout without it', () => {
  assert.deepEqual(homeOf({ VIGIL_HOME: '/srv/v' }), {
    directory: '/srv/v',
    config: '/srv/v/config.toml',
    credentials: '/srv/v/credentials',
    handedOver: false,
    state: '/srv/v/state',
    logs: '/srv/v/logs',
    stopped: '/srv/v/STOPPED',
    halted: '/srv/v/state/HALTED',
    workspace: '/srv/v/state/workspace',
    files: '/srv/v/state/files',
    persona: '/srv/v/state/persona.md',
    backups: '/srv/v/state/backups',
    restarts: '/srv/v/state/restart',
    rollbacks: '/srv/v/state/rollback',
  });
  assert.equal(homeOf({}).directory, join(root, '.vigil'));
  assert.equal(homeOf({ VIGIL_HOME: '' }).directory, join(root, '.vigil'));
  assert.equal(homeOf({ VIGIL_HOME: 'near' }).directory, resolve('near'));
});

test('a release finds its home by where it lies', () => {
  const of = ({ config, credentials, state, logs, stopped }: ReturnType<typeof homeOf>) => [
    config,
    credentials,
    state,
    logs,
    stopped,
  ];
  assert.deepEqual(of(homeOf({}, '/opt/vigil/releases/1.0.0')), [
    '/etc/vigil/config.toml',
    '/etc/vigil/credentials',
    '/var/lib/vigil',
    '/var/log/vigil',
    '/etc/vigil/STOPPED',
  ]);
  const own = ['config.toml', 'credentials', 'state', 'logs', 'STOPPED'];
  assert.deepEqual(
    of(homeOf({}, '/home/ada/.vigil/releases/1.0.0')),
    own.map((name) => `/home/ada/.vigil/${name}`),
  );
  assert.equal(homeOf({ VIGIL_HOME: '/srv/v' }, '/opt/vigil/releases/1.0.0').state, '/srv/v/state');
});

test('systemd’s own variables come first', () => {
  const home = homeOf({
    VIGIL_HOME: '/srv/v',
    CONFIGURATION_DIRECTORY: '/etc/vigil',
    CREDENTIALS_DIRECTORY: '/run/credentials/vigil-core.service',
    STATE_DIRECTORY: '/var/lib/vigil',
    LOGS_DIRECTORY: '/var/log/vigil/core',
  });
  assert.equal(home.config, '/etc/vigil/config.toml');
  assert.equal(home.stopped, '/etc/vigil/STOPPED');
  assert.equal(home.credentials, '/run/credentials/vigil-core.service');
  assert.equal(home.handedOver, true);
  assert.equal(home.state, '/var/lib/vigil');
  assert.equal(home.logs, '/var/log/vigil', 'the log adds its own folder per service');
  assert.equal(lockOf(home, 'core'), '/var/lib/vigil/run/core.lock');
});

test('a socket lies in the state folder as long as its path fits, and else in a folder of its own', () => {
  const name = 'router';
  const rest = '/state/run/router.sock'.length;
  const fits = homeOf({ VIGIL_HOME: `/${'h'.repeat(103 - rest - 1)}` });
  assert.equal(Buffer.byteLength(socketOf(fits, name)), 103);
  assert.equal(socketOf(fits, name), join(fits.state, 'run', 'router.sock'));

  const long = homeOf({ VIGIL_HOME: `/${'h'.repeat(103 - rest)}` });
  const path = socketOf(long, name);
  assert.ok(path.startsWith(join(tmpdir(), 'vigil-')), path);
  assert.equal(socketOf(long, name), path, 'everybody finds the same one');
  const other = homeOf({ VIGIL_HOME: `${long.directory}h` });
  assert.notEqual(dirname(socketOf(other, name)), dirname(path), 'two homes never share one');
});

test('a long path in letters of several bytes is counted in bytes', () => {
  const home = homeOf({ VIGIL_HOME: `/${'é'.repeat(50)}` });
  assert.ok(socketOf(home, 'router').startsWith(tmpdir()));
});

test('a socket’s folder is private, and somebody else’s is refused', {
  skip: process.getuid?.() === 0 ? false : 'only root can make a folder of somebody else',
}, (t) => {
  const folder = join(scratch(t), 'run');
  prepareSocket(join(folder, 'router.sock'));
  assert.equal(modeOf(folder), 0o700);
  chownSync(folder, 65534, 65534);
  assert.throws(
    () => prepareSocket(join(folder, 'router.sock')),
    /belongs to user 65534, expected 0\n {2}cure: /,
  );
});

test('a new home has what a first start needs, closed to everybody else', (t) => {
  const home = homeOf({ VIGIL_HOME: join(scratch(t), 'deep', 'home') });
  const made = prepareHome(home);
  assert.deepEqual(made, [home.directory, home.config]);
  for (const folder of [home.directory, home.credentials, home.state, join(home.state, 'run'), home.logs]) {
    assert.equal(modeOf(folder), 0o700, folder);
  }
  assert.equal(modeOf(home.config), 0o600);
  assert.equal(readFileSync(home.config, 'utf8'), readFileSync(join(root, 'config.example.toml'), 'utf8'));
});

test('a second time nothing is made, and what is there stays as it is', (t) => {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  writeFileSync(home.config, '# mine\n');
  chmodSync(home.config, 0o644);
  assert.deepEqual(prepareHome(home), []);
  assert.equal(readFileSync(home.config, 'utf8'), '# mine\n');
  assert.equal(modeOf(home.config), 0o644);
});

test('a file in the home’s place is told with the cure', (t) => {
  const place = join(scratch(t), 'file');
  writeFileSync(place, '');
  assert.throws(() => prepareHome(homeOf({ VIGIL_HOME: place })), {
    name: 'Misconfigured',
    message:
      /^home: \S+ cannot be set up \(.+\)\n {2}cure: let user \w+ write there, or set VIGIL_HOME to another folder$/,
  });
});

test('a disk that may not be written is told with the cure', { skip: noSmallDisk }, (t) => {
  const disk = smallDisk(t, 256);
  disk.remount('ro');
  assert.throws(() => prepareHome(homeOf({ VIGIL_HOME: join(disk.directory, 'home') })), {
    name: 'Misconfigured',
    message: /cannot be set up [\s\S]*cure: /,
  });
});

test('new files are closed to all, or to all but the group that shares the state', (t) => {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  assert.equal(umaskOf(home), 0o077, 'also before there is anything');
  mkdirSync(home.state);
  chmodSync(home.state, 0o700);
  assert.equal(umaskOf(home), 0o077);
  chmodSync(home.state, 0o2770);
  assert.equal(umaskOf(home), 0o007);
  assert.ok(existsSync(home.state));
});
