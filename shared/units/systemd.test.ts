import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { type Service, serviceOf, services } from '#shared/manifest.ts';
import { systemdFiles } from '#shared/units/systemd.ts';

const files = systemdFiles(services);

describe('systemd units', () => {
  it('every key is given once, but for those that are lists', () => {
    const lists = [
      ...[
        'BindPaths',
        'BindReadOnlyPaths',
        'ConditionPathExists',
        'Environment',
        'InaccessiblePaths',
        'LoadCredential',
        'ReadWritePaths',
      ],
      ...['SetCredential', 'SystemCallFilter'],
    ];
    for (const { path, text } of files) {
      const keys = [...text.matchAll(/^(\w+)=/gm)].map((match) => match[1] ?? '');
      const repeated = keys.filter((key, index) => keys.indexOf(key) !== index && !lists.includes(key));
      assert.deepEqual(repeated, [], path);
    }
  });

  it('a service is handed its own secrets and no other', () => {
    for (const service of services) {
      const given = [...unitOf(service).matchAll(/^LoadCredential=(\w+)(?:\.env)?:/gm)].map(
        (match) => match[1],
      );
      assert.deepEqual(
        given,
        service.secrets.map((secret) => secret.replace('/*', '')),
        service.name,
      );
    }
  });

  it('a service reaches as far as the manifest says: nowhere, this machine, the internet', () => {
    const keysOf = (network: Service['network']) =>
      unitOf({ ...serviceOf('core'), network })
        .match(/^(RestrictAddressFamilies|PrivateNetwork|IPAddress\w+)=.*$/gm)
        ?.map((line) => line.replace('RestrictAddressFamilies=', ''));
    const internet = 'AF_UNIX AF_INET AF_INET6 AF_NETLINK';
    assert.deepEqual(keysOf([]), ['AF_UNIX', 'PrivateNetwork=yes', 'IPAddressDeny=any']);
    assert.deepEqual(keysOf(['loopback']), [internet, 'IPAddressDeny=any', 'IPAddressAllow=localhost']);
    assert.deepEqual(keysOf(['outbound']), [internet]);
    assert.deepEqual(keysOf(['loopback', 'outbound']), [internet]);
  });

  it('a service that starts programs may do what a sandbox is made with, and no other may', () => {
    const keysOf = (service: Service) =>
      unitOf(service).match(
        /^(RestrictNamespaces|NoExecPaths|OOMPolicy|AssertPathExists|BindPaths=.proc|SystemCallFilter=c).*$/gm,
      );
    assert.deepEqual(keysOf({ ...serviceOf('core'), exec: true }), [
      'AssertPathExists=/run/vigil/hidden',
      'OOMPolicy=continue',
      'RestrictNamespaces=ipc mnt net pid user uts',
      'SystemCallFilter=capset mount pivot_root umount2',
      'BindPaths=/proc:/run/vigil/hidden/proc:norbind',
    ]);
    assert.deepEqual(keysOf(serviceOf('core')), [
      'RestrictNamespaces=yes',
      'NoExecPaths=/ /dev/shm /tmp /var/tmp /var/lib/vigil /var/log/vigil/core',
    ]);
  });

  it('the slice has room for every service at its limit', () => {
    const slice = textOf('systemd/vigil.slice');
    for (const key of ['CPUQuota', 'MemoryMax', 'TasksMax']) {
      const limits = services.map((service) => numberOf(key, unitOf(service)));
      assert.equal(
        numberOf(key, slice),
        limits.reduce((sum, limit) => sum + limit),
        key,
      );
    }
  });

  it('what a service needs to have something to do is asked for before it is started', () => {
    const conditions = (text: string) => text.match(/^ConditionPathExists=.*$/gm);
    const off = 'ConditionPathExists=!/etc/vigil/STOPPED';
    assert.deepEqual(conditions(unitOf(serviceOf('core'))), [off]);
    assert.deepEqual(conditions(unitOf(serviceOf('telegram'))), [
      off,
      'ConditionPathExists=/etc/vigil/credentials/telegram.env',
    ]);
  });

  it('the target takes every service along, and there is a user for each', () => {
    for (const folder of ['systemd', 'systemd/user']) {
      const taken = textOf(`${folder}/vigil.target`)
        .match(/^Also=(.*)$/m)?.[1]
        ?.split(' ');
      const units = services.map(({ name }) => `vigil-${name}.service`);
      assert.deepEqual(taken, [...units, 'vigil-restart.path', 'vigil-rollback.path']);
    }
    const users = [...textOf('systemd/vigil.sysusers.conf').matchAll(/^u (\S+) -:vigil /gm)];
    assert.deepEqual(
      users.map(([, user]) => user),
      services.map(({ name }) => `vigil-${name}`),
    );
  });

  it('in a user’s own systemd nothing names a place of the machine', () => {
    for (const { path, text } of files) {
      if (path.startsWith('systemd/user/')) {
        assert.doesNotMatch(text, /\/(opt|etc|var\/lib|var\/log)\/vigil|^User=/m, path);
      }
    }
  });

  describe('by the verdict of systemd-analyze', { skip: reasonToSkip() }, () => {
    it('every unit is clean, and a key that systemd does not know would be noticed', () => {
      const clean = verify(files);
      assert.equal(clean.status, 0, clean.stderr);
      const misspelt = verify(
        files.map(({ path, text }) => ({ path, text: text.replace('WatchdogSec', 'WatchDogSec') })),
      );
      assert.equal(misspelt.status, 1);
      assert.match(misspelt.stderr, /Unknown key.*WatchDogSec/);
    });

    it('every unit is exposed as little as its work allows', () => {
      const listening = { ...serviceOf('core'), network: ['loopback'] } satisfies Service;
      for (const service of [...services, listening]) {
        const networked = service.network.length > 0;
        const [system, user] = service.exec ? [2.0, 2.9] : networked ? [1.1, 1.6] : [0.3, 0.7];
        const name = `vigil-${service.name}.service`;
        const [ofSystem, ofUser] = [`systemd/${name}`, `systemd/user/${name}`].map((path) =>
          exposure(name, textOf(path, systemdFiles([service]))),
        );
        assert.ok(Number(ofSystem) <= system, `${service.name} (${service.network}): ${ofSystem}`);
        assert.ok(Number(ofUser) <= user, `${service.name} of a user: ${ofUser}`);
      }
      for (const name of ['vigil-failed@.service', 'vigil-restart.service']) {
        assert.ok(exposure(name, textOf(`systemd/${name}`)) <= 1, name);
        assert.ok(exposure(name, textOf(`systemd/user/${name}`)) <= 1.1, `${name} of a user`);
      }
      assert.ok(exposure('vigil-rollback.service', textOf('systemd/vigil-rollback.service')) <= 3.7);
    });
  });
});

function unitOf(service: Service): string {
  return textOf(`systemd/vigil-${service.name}.service`, systemdFiles([service]));
}

function textOf(path: string, from = files): string {
  const file = from.find((one) => one.path === path);
  assert.ok(file, `no ${path}`);
  return file.text;
}

function numberOf(key: string, text: string): number {
  return Number(text.match(new RegExp(`^${key}=(\\d+)[M%]?$`, 'm'))?.[1]);
}

function reasonToSkip(): string | false {
  const { stdout } = spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' });
  const version = Number(stdout?.match(/^systemd (\d+)/)?.[1] ?? 0);
  return version >= 250 ? false : `needs systemd-analyze >= 250, found ${version || 'none'}`;
}

/** Verification demands that the programs exist, so the units are pointed at a release made for the occasion. */
function verify(units: typeof files): { status: number | null; stderr: string } {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'vigil-units-'));
  mkdirSync(join(folder.path, 'bin'));
  for (const program of ['with-notify-fd', 'unit-failed', 'restart-requested', 'vigil'])
    writeFileSync(join(folder.path, 'bin', program), '', { mode: 0o755 });
  const paths = units
    .filter(({ path }) => /^systemd\/[^/]+\.(service|target|slice|path)$/.test(path))
    .map(({ path, text }) => {
      const copy = join(folder.path, basename(path));
      writeFileSync(copy, text.replaceAll('/opt/vigil/current', folder.path));
      return copy;
    });
  // Without it everything passes.
  return spawnSync('systemd-analyze', ['verify', '--recursive-errors=yes', ...paths], { encoding: 'utf8' });
}

function exposure(name: string, text: string): number {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'vigil-units-'));
  const path = join(folder.path, name);
  writeFileSync(path, text);
  const args = ['security', '--offline=true', '--no-pager', path];
  const { stdout } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return Number(stdout.match(/Overall exposure level for \S+: (\d+\.\d)/)?.[1]);
}
