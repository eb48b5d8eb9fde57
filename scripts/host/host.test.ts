import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '#shared/testing/scratch.ts';
import { installedPlace } from './host.ts';
import { standingsIn } from './systemd.ts';

const linux = { skip: process.platform === 'linux' ? false : 'the places of Linux' };

test('a release knows its installation by where it lies', linux, () => {
  const of = (from: string) => installedPlace(from, '/home/somebody');
  assert.equal(of('/opt/vigil/releases/1.0.0-12345678')?.profile, 'system');
  const own = of('/home/ada/.vigil/releases/1.0.0-12345678');
  assert.deepEqual(
    [own?.profile, own?.prefix, own?.home.directory],
    ['user', '/home/ada/.vigil', '/home/ada/.vigil'],
  );
  assert.equal(own?.units, '/home/ada/.config/systemd/user');
  assert.equal(of('/srv/elsewhere/releases/1.0.0-12345678'), null);
});

test('a checkout belongs to what is installed, if anything is', linux, (t) => {
  const user = scratch(t);
  const of = () => installedPlace(join(user, 'checkout'), user);
  const before = of();
  mkdirSync(join(user, '.vigil', 'current'), { recursive: true });
  assert.equal(before?.profile === 'user', false);
  assert.ok(of());
});

test('what systemd says of the services is read as it is', () => {
  const block = (name: string, load: string, active: string, pid: number) =>
    `Id=vigil-${name}.service\nLoadState=${load}\nActiveState=${active}\nMainPID=${pid}\nNRestarts=2\n`;
  const found = standingsIn(
    [
      block('core', 'loaded', 'active', 12),
      block('router', 'loaded', 'activating', 13),
      block('tools', 'loaded', 'failed', 0),
      block('telegram', 'loaded', 'inactive', 0),
      block('cron', 'not-found', 'inactive', 0),
      block('stranger', 'loaded', 'active', 9),
    ].join('\n'),
  );
  assert.deepEqual(Object.fromEntries(found), {
    core: { state: 'active', pid: 12, restarts: 2 },
    router: { state: 'starting', pid: 13, restarts: 2 },
    tools: { state: 'failed', pid: null, restarts: 2 },
    telegram: { state: 'stopped', pid: null, restarts: 2 },
    cron: { state: 'absent', pid: null, restarts: 2 },
  });
});
