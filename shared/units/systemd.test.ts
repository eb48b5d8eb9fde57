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
    const lists = ['LoadCredential', 'SetCredential', 'SystemCallFilter'];
    for (const { path, text } of files) {
      const keys = [...text.matchAll(/^(\w+)=/gm)].map((match) => match[1] ?? '');
      const repeated = keys.filter((key, index) => keys.indexOf(key) !== index && !lists.includes(key));
      assert.deepEqual(repeated, [], path);
    }
  });

  it('a service is handed its own secrets and no other', () => {
    for (const service of services) {
      const given = [...unitOf(service).matchAll(/^LoadCredential=(\w+)\.env:/gm)].map((match) => match[1]);
      assert.deepEqual(
        given,
        service.secrets.filter((secret) => !secret.endsWith('*')),
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
        /^(RestrictNamespaces|ProtectKernel(Logs|Tunables)|NoExecPaths|OOMPolicy|SystemCallFilter=c).*$/gm,
      );
    assert.deepEqual(keysOf({ ...serviceOf('core'), exec: true }), [
      'OOMPolicy=continue',
      'RestrictNamespaces=ipc mnt net pid user',
      'SystemCallFilter=capset mount pivot_root umount2',
    ]);
    assert.deepEqual(keysOf(serviceOf('core')), [
      'ProtectKernelLogs=yes',
      'ProtectKernelTunables=yes',
      'RestrictNamespaces=yes',
      'NoExecPaths=/ /dev/shm /tmp /var/tmp /var/lib/vigil /var/log/vigil/core',
    ]);
  });

  it('the slice has room for every service at its limit', () => {
    const slice = textOf('systemd/vigil.slice');
    for (const key of ['MemoryMax', 'TasksMax']) {
      const limits = services.map((service) => numberOf(key, unitOf(service)));
      assert.equal(
        numberOf(key, slice),
        limits.reduce((sum, limit) => sum + limit),
        key,
      );
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

    it('a service without network is exposed at most 0.3 of 10, one with network 1.1, one with programs 2.4', () => {
      const console_ = { ...serviceOf('core'), network: ['loopback'] } satisfies Service;
      for (const service of [...services, console_]) {
        const limit = service.exec ? 2.4 : service.network.length > 0 ? 1.1 : 0.3;
        const score = exposure(service);
        assert.ok(
          score <= limit,
          `${service.name} (${service.network}): ${score}, expected at most ${limit}`,
        );
      }
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
  return Number(text.match(new RegExp(`^${key}=(\\d+)M?$`, 'm'))?.[1]);
}

function reasonToSkip(): string | false {
  const { stdout } = spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' });
  const version = Number(stdout?.match(/^systemd (\d+)/)?.[1] ?? 0);
  return version >= 250 ? false : `needs systemd-analyze >= 250, found ${version || 'none'}`;
}

/**
 * Verification demands that the programs exist, so the units are pointed at a release made for the occasion.
 * `--recursive-errors=no`: without it everything passes, with `yes` the machine's own units are judged too.
 */
function verify(units: typeof files): { status: number | null; stderr: string } {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'vigil-units-'));
  mkdirSync(join(folder.path, 'bin'));
  writeFileSync(join(folder.path, 'bin', 'with-notify-fd'), '', { mode: 0o755 });
  const paths = units.map(({ path, text }) => {
    const copy = join(folder.path, basename(path));
    writeFileSync(copy, text.replaceAll('/opt/vigil/current', folder.path));
    return copy;
  });
  return spawnSync('systemd-analyze', ['verify', '--recursive-errors=no', ...paths], { encoding: 'utf8' });
}

function exposure(service: Service): number {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'vigil-units-'));
  const path = join(folder.path, `vigil-${service.name}.service`);
  writeFileSync(path, unitOf(service));
  const args = ['security', '--offline=true', '--no-pager', path];
  const { stdout } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return Number(stdout.match(/Overall exposure level for \S+: (\d+\.\d)/)?.[1]);
}
