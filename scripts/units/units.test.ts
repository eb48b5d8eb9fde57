/** What the units really do, on a systemd that was booted for it. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { services } from '#shared/manifest.ts';
import { type Box, boxFor, noBox } from '#shared/testing/box.ts';
import { until as untilWithin } from '#shared/testing/scratch.ts';

/** A machine that is busy with other things takes its time. */
const until = <T>(what: string, fact: () => T | Promise<T>) => untilWithin(what, fact, 60_000);

const folder = mkdtempSync(join(tmpdir(), 'vigil-units-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let release: string | undefined;

/** A box with a release in it, whose `/probe` is there to stand in for a service. */
async function boxWithRelease(t: TestContext, releases: string): Promise<Box> {
  release ??= execFileSync(process.execPath, [join(root, 'scripts', 'release.ts'), folder], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
  return boxFor(t, {
    binds: { [release]: join(releases, basename(release)), [join(root, 'scripts', 'units')]: '/opt/probe' },
  });
}

type Manager = { systemctl: string; units: string; release: string };
type Tried = { [name: string]: [string, string] };

/** What a service's own unit lets it do. */
async function probe(box: Box, { systemctl, units, release }: Manager, service: string, tries: Tried) {
  const unit = `vigil-${service}.service`;
  const words = JSON.stringify(tries).replaceAll('"', '\\"');
  await change(box, units, unit, [
    'Type=oneshot',
    'Restart=no',
    'WatchdogSec=0',
    'StandardOutput=truncate:/var/tmp/probed',
    'ExecStart=',
    `ExecStart=${release}/bin/node /opt/probe/probe.ts "${words}"`,
  ]);
  await box.must(`: >/var/tmp/probed; chmod 666 /var/tmp/probed; ${systemctl} daemon-reload`);
  const ran = await box.exec(`${systemctl} restart ${unit}`);
  const said = await box.must('cat /var/tmp/probed');
  await box.must(`rm -r ${units}/${unit}.d; ${systemctl} daemon-reload; ${systemctl} restart ${unit}`);
  assert.equal(ran.code, 0, `${ran.stderr}${await box.must(`journalctl -n 20 --no-pager`)}`);
  return JSON.parse(said);
}

function change(box: Box, units: string, unit: string, lines: string[]): Promise<string> {
  const text = ['[Service]', ...lines].join('\n');
  return box.must(`mkdir -p ${units}/${unit}.d; cat >${units}/${unit}.d/test.conf <<'END'\n${text}\nEND`);
}

/** The process of each service. */
async function pids(box: Box, systemctl: string): Promise<Map<string, string>> {
  const names = services.map(({ name }) => name);
  const said = await box.must(names.map((name) => `${systemctl} show -P MainPID vigil-${name}`).join('; '));
  return new Map(said.split('\n').map((pid, index) => [names[index] ?? '', pid]));
}

async function changed(box: Box, systemctl: string, before: Map<string, string>): Promise<string[]> {
  const now = await pids(box, systemctl);
  return [...before].filter(([name, pid]) => now.get(name) !== pid).map(([name]) => name);
}

const readyIn = (box: Box, systemctl: string, name: string) =>
  until(
    `${name} runs`,
    async () => (await box.exec(`${systemctl} is-active vigil-${name}`)).stdout.trim() === 'active',
  );

const machine: Manager = {
  systemctl: 'systemctl',
  units: '/etc/systemd/system',
  release: '/opt/vigil/current',
};

test('the units of the machine hold what they promise', { skip: noBox, timeout: 300_000 }, async (t) => {
  const box = await boxWithRelease(t, '/opt/vigil/releases');
  await box.must(`cd /opt/vigil && ln -s releases/* current
    systemd-sysusers /opt/vigil/current/systemd/vigil.sysusers.conf
    cp current/systemd/vigil.tmpfiles.conf /etc/tmpfiles.d/vigil.conf && systemd-tmpfiles --create vigil.conf
    cp current/systemd/vigil*.service current/systemd/vigil*.path current/systemd/vigil*.slice current/systemd/vigil*.target /etc/systemd/system
    install -m 644 current/config.example.toml /etc/vigil/config.toml
    umask 077; cd /etc/vigil/credentials; echo ANTHROPIC_API_KEY=of-the-router >anthropic.env; echo TOKEN=of-the-server >mcp/mail.env
    useradd --create-home ada; echo hers >/home/ada/diary; chmod 644 /home/ada/diary; chmod 755 /home/ada
    cp /bin/true /usr/local/bin/restic; chmod 755 /usr/local/bin/restic
    systemctl daemon-reload`);

  await t.test('systemd has nothing to say against them', async () => {
    const { code, stderr } = await box.exec(
      'systemd-analyze verify --recursive-errors=yes /etc/systemd/system/vigil*',
    );
    assert.equal(code, 0, stderr);
  });

  await t.test(
    'enabling the target starts the house; a service without its secret is off, and no failure',
    async () => {
      await box.must('systemctl enable --quiet --now vigil.target');
      for (const { name, needs } of services) {
        if (needs === undefined) await readyIn(box, 'systemctl', name);
        else assert.equal(await box.must(`systemctl show -P ActiveState vigil-${name}`), 'inactive');
      }
      assert.equal(await box.must('systemctl --failed --no-legend'), '');
    },
  );

  await t.test('a program runs in the sandbox that tools makes', async () => {
    const said = await until('tools has tried its sandbox', async () => {
      const rows = JSON.parse(await box.must('/opt/vigil/current/bin/vigil status --json'));
      return JSON.stringify(rows).includes('waiting for calls') ? JSON.stringify(rows) : null;
    });
    assert.doesNotMatch(said, /commands are off/);
  });

  await t.test(
    'core writes in its own folders, runs nothing, speaks to nobody, and sees no one else’s',
    async () => {
      const own = '/var/log/vigil/core';
      assert.deepEqual(
        await probe(box, machine, 'core', {
          state: ['write', '/var/lib/vigil'],
          log: ['write', own],
          'the log of another': ['list', '/var/log/vigil/router'],
          'the wish for a rollback': ['write', '/run/vigil/rollback'],
          'the release': ['write', '/opt/vigil'],
          'the config': ['write', '/etc/vigil'],
          'the secrets': ['list', '/etc/vigil/credentials'],
          'the secrets of router': ['list', '/run/credentials/vigil-router.service'],
          'a diary': ['read', '/home/ada/diary'],
          'the memory of another': ['read', '/proc/1/environ'],
          'other processes': ['processes', ''],
          'a shell': ['run', '/bin/sh'],
          'a program of the state': ['runFrom', '/var/lib/vigil'],
          'a program of the temporary files': ['runFrom', '/tmp'],
          'a program of the log': ['runFrom', own],
          'the network': ['listen', '127.0.0.1'],
        }),
        {
          state: 'yes',
          log: 'yes',
          'the log of another': 'ENOENT',
          'the wish for a rollback': 'EACCES',
          'the release': 'EACCES',
          'the config': 'EROFS',
          'the secrets': 'EACCES',
          'the secrets of router': 'EACCES',
          'a diary': 'EACCES',
          'the memory of another': 'ENOENT',
          'other processes': '1',
          'a shell': 'EACCES',
          'a program of the state': 'EACCES',
          'a program of the temporary files': 'EACCES',
          'a program of the log': 'EACCES',
          'the network': 'EAFNOSUPPORT',
        },
      );
    },
  );

  await t.test('router has its own secrets and the network, tools those of its servers', async () => {
    assert.deepEqual(
      await probe(box, machine, 'router', {
        own: ['say', '/run/credentials/vigil-router.service/anthropic.env'],
        'of tools': ['list', '/run/credentials/vigil-tools.service'],
        'a shell': ['run', '/bin/sh'],
        'the network': ['listen', '127.0.0.1'],
      }),
      {
        own: 'ANTHROPIC_API_KEY=of-the-router',
        'of tools': 'ENOENT',
        'a shell': 'EACCES',
        'the network': 'yes',
      },
    );
    assert.deepEqual(
      await probe(box, machine, 'tools', {
        own: ['say', '/run/credentials/vigil-tools.service/mcp_mail.env'],
        'of router': ['list', '/run/credentials/vigil-router.service'],
        'the secrets': ['list', '/etc/vigil/credentials'],
        'a diary': ['read', '/home/ada/diary'],
        'the whole /proc': ['list', '/run/vigil/hidden'],
        'the release': ['write', '/opt/vigil'],
        'a shell': ['run', '/bin/sh'],
      }),
      {
        own: 'TOKEN=of-the-server',
        'of router': 'ENOENT',
        'the secrets': 'EACCES',
        'a diary': 'EACCES',
        'the whole /proc': 'EACCES',
        'the release': 'EROFS',
        'a shell': 'yes',
      },
    );
  });

  await t.test('console reads what all have logged, and nobody else may ask for a rollback', async () => {
    assert.deepEqual(
      await probe(box, machine, 'console', {
        log: ['write', '/var/log/vigil/console'],
        'the logs of others': ['read', '/var/log/vigil/core/core.1.log'],
        'the log of another': ['write', '/var/log/vigil/core'],
        'the wish for a rollback': ['write', '/run/vigil/rollback'],
        'the release': ['write', '/opt/vigil'],
        'a shell': ['run', '/bin/sh'],
      }),
      {
        log: 'yes',
        'the logs of others': 'yes',
        'the log of another': 'EROFS',
        'the wish for a rollback': 'yes',
        'the release': 'EACCES',
        'a shell': 'EACCES',
      },
    );
  });

  await t.test('backup runs its own programs, and no other', async () => {
    assert.deepEqual(
      await probe(box, machine, 'backup', {
        restic: ['run', '/usr/local/bin/restic'],
        'a shell': ['run', '/bin/sh'],
        'a program of the state': ['runFrom', '/var/lib/vigil'],
      }),
      { restic: 'yes', 'a shell': 'EACCES', 'a program of the state': 'EACCES' },
    );
  });

  await t.test('a request restarts the service that it names, and nothing else', async () => {
    for (const { name, needs } of services) if (!needs) await readyIn(box, 'systemctl', name);
    const before = await pids(box, 'systemctl');
    const bus = await box.must('systemctl show -P MainPID dbus');
    const empty = () =>
      until('the requests are taken', async () => (await box.must('ls -A /var/lib/vigil/restart')) === '');
    await box.must(
      `cd /var/lib/vigil/restart; touch dbus restart failed .core 'core x'; mkdir router; ln -s /etc/vigil core`,
    );
    await empty();
    await until(
      'what had a name of ours is new',
      async () => (await changed(box, 'systemctl', before)).length > 1,
    );
    assert.deepEqual(await changed(box, 'systemctl', before), ['router', 'core']);
    assert.equal(await box.must('systemctl show -P MainPID dbus'), bus);
    assert.ok(await box.must('ls /etc/vigil/config.toml'), 'a link is removed, not followed');
    const then = await pids(box, 'systemctl');
    await box.must(
      'setpriv --reuid=vigil-watchdog --regid=vigil --clear-groups sh -c "echo silent >/var/lib/vigil/restart/cron"',
    );
    await empty();
    await until('cron is new', async () => (await changed(box, 'systemctl', then)).length > 0);
    assert.deepEqual(await changed(box, 'systemctl', then), ['cron']);
  });

  await t.test('a service gone bad can neither stop the requests of others nor keep one down', async () => {
    for (const { name, needs } of services) if (!needs) await readyIn(box, 'systemctl', name);
    const before = await pids(box, 'systemctl');
    const asCore = (command: string) =>
      box.must(
        `setpriv --reuid=vigil-core --regid=vigil --clear-groups sh -c 'cd /var/lib/vigil && ${command}'`,
      );
    await asCore('umask 077; mkdir -p own/full && mv own restart/aaa && touch restart/..x restart/backup');
    await until('backup is new', async () => (await changed(box, 'systemctl', before)).length > 0);
    const once = await pids(box, 'systemctl');
    await asCore('touch restart/backup restart/tools');
    await until('tools is new', async () => (await changed(box, 'systemctl', once)).includes('tools'));
    assert.deepEqual(await changed(box, 'systemctl', once), ['tools']);
    assert.match(
      await box.must('journalctl -u vigil-restart -o cat'),
      /^backup was restarted \d+ s ago: this request is left out$/m,
    );
    assert.equal(await box.must('ls -A /var/lib/vigil/restart'), 'aaa');
    assert.equal(await box.must('systemctl is-active vigil-restart.path'), 'active');
    await asCore('rm -r restart/aaa');
  });

  await t.test('who takes too much memory is ended alone', async () => {
    for (const { name, needs } of services) if (!needs) await readyIn(box, 'systemctl', name);
    const before = await pids(box, 'systemctl');
    const hog = 'const all = []; for (;;) all.push(Buffer.alloc(10_000_000, 1))';
    await change(box, machine.units, 'vigil-cron.service', [
      'Type=exec',
      'WatchdogSec=0',
      'Restart=no',
      'ExecStart=',
      `ExecStart=${machine.release}/bin/node -e "${hog}"`,
    ]);
    await box.must('systemctl daemon-reload; systemctl restart vigil-cron');
    const result = await until('it is ended', async () => {
      const said = await box.must('systemctl show -P Result vigil-cron');
      return said === 'success' ? null : said;
    });
    assert.match(result, /^(signal|oom-kill)$/);
    assert.deepEqual(await changed(box, 'systemctl', before), ['cron']);
    await box.must(
      `rm -r ${machine.units}/vigil-cron.service.d; systemctl daemon-reload; systemctl start vigil-cron`,
    );
  });

  // The watchdog takes the reports away that are looked for here.
  await box.must('systemctl stop vigil-watchdog');
  const failure = async (name: string) =>
    JSON.parse((await box.exec(`cat /var/lib/vigil/failed/${name}`)).stdout || 'null');

  await t.test(
    'one that keeps failing is told of, and tried again after longer and longer times until it runs',
    async () => {
      await box.must(
        'rm -f /var/lib/vigil/failed/*; rm -f /run/vigil/retry/*; systemctl stop vigil-retry-cron.timer || true',
      );
      await change(box, machine.units, 'vigil-failed@.service', [
        'Environment=RETRY_FIRST_S=1 RETRY_MOST_S=2',
      ]);
      await change(box, machine.units, 'vigil-cron.service', [
        'RestartSec=50ms',
        'ExecStart=',
        `ExecStart=${machine.release}/bin/node -e "process.exit(3)"`,
        '[Unit]',
        'StartLimitBurst=2',
      ]);
      await box.must('systemctl daemon-reload');
      await box.exec('systemctl restart vigil-cron');
      const { at, ...first } = await until('it is told', () => failure('cron'));
      assert.deepEqual(first, { service: 'cron', result: 'exit-code', status: 3 });
      assert.ok(Math.abs(at - Date.now()) < 10_000);
      assert.equal(
        await box.must('stat -c "%U %G %a" /var/lib/vigil/failed/cron'),
        'root vigil 640',
        'the watchdog may read it',
      );
      // What another puts in the way of the telling does not cost the next try.
      await box.must(
        `cd /var/lib/vigil/failed && rm cron && setpriv --reuid=vigil-core --regid=vigil --clear-groups mkdir -p -m 700 cron/full`,
      );
      const waits = await until('it was tried twice', async () => {
        const said = await box.must(
          `journalctl -u 'vigil-failed@vigil-cron' -o cat | sed -n 's/.*exit-code, 3.*again in //p'`,
        );
        return said.split('\n').length >= 3 ? said.split('\n').slice(0, 3) : null;
      });
      assert.deepEqual(waits, ['1 s', '2 s', '2 s']);
      await box.must('rm -r /var/lib/vigil/failed/cron');
      await box.must(`rm -r ${machine.units}/vigil-cron.service.d; systemctl daemon-reload`);
      await readyIn(box, 'systemctl', 'cron');
    },
  );

  await t.test('on a full disk it is not told of, and is tried again all the same', async () => {
    await change(box, machine.units, 'vigil-cron.service', [
      'RestartSec=50ms',
      'ExecStart=',
      `ExecStart=${machine.release}/bin/node -e "process.exit(3)"`,
    ]);
    await box.must(`mount -t tmpfs -o size=4k,mode=777 tmpfs /var/lib/vigil/failed
      cat /dev/zero >/var/lib/vigil/failed/filler || true
      systemctl daemon-reload; systemctl reset-failed`);
    await box.exec('systemctl restart vigil-cron');
    await until('it will be tried again', async () => {
      const said = await box.exec(
        `journalctl -u 'vigil-failed@vigil-cron' -o cat | grep -B9 '^could not write'`,
      );
      return / is tried again in \d s$/m.test(said.stdout);
    });
    await box.must(
      `umount /var/lib/vigil/failed; rm -r ${machine.units}/vigil-cron.service.d; systemctl daemon-reload`,
    );
    await readyIn(box, 'systemctl', 'cron');
  });

  await t.test('one that a person must mend is told of, and left alone', async () => {
    await change(box, machine.units, 'vigil-cron.service', [
      'ExecStart=',
      `ExecStart=${machine.release}/bin/node -e "process.exit(78)"`,
    ]);
    await box.must('rm -f /var/lib/vigil/failed/cron; systemctl daemon-reload');
    await box.exec('systemctl restart vigil-cron');
    const { status } = await until('it is told', () => failure('cron'));
    assert.equal(status, 78);
    await until('who told it has ended', async () => {
      const state = await box.must('systemctl show -P ActiveState vigil-failed@vigil-cron');
      return state === 'inactive';
    });
    assert.equal(await box.must('systemctl list-timers --no-legend --all vigil-retry-cron.timer'), '');
    await box.must(
      `rm -r ${machine.units}/vigil-cron.service.d; systemctl daemon-reload; systemctl start vigil-cron`,
    );
  });

  await t.test('after a power cut the house is up again, and switched off it stays down', async () => {
    await box.crash();
    for (const { name, needs } of services) if (!needs) await readyIn(box, 'systemctl', name);
    await box.must(
      'touch /etc/vigil/STOPPED; systemctl stop vigil.target vigil.slice; systemctl start vigil.target',
    );
    assert.equal(await box.must('systemctl list-units --no-legend "vigil-*.service"'), '');
  });
});

test('the units of one user hold what they promise', { skip: noBox, timeout: 200_000 }, async (t) => {
  const box = await boxWithRelease(t, '/mnt/releases');
  const ada: Manager = {
    systemctl: 'systemctl --user -M ada@',
    units: '/home/ada/.config/systemd/user',
    release: '/home/ada/.vigil/current',
  };
  await box.must(`useradd --create-home ada; loginctl enable-linger ada; mkdir -p ${ada.units} /home/ada/.vigil/releases
    cd /home/ada/.vigil; cp -r /mnt/releases/* releases; ln -s releases/* current; cp current/systemd/user/* ${ada.units}
    umask 077; mkdir -p credentials/mcp state/restart logs; cp current/config.example.toml config.toml
    echo ANTHROPIC_API_KEY=of-the-router >credentials/anthropic.env; echo hers >../diary; chown -R ada: /home/ada`);
  // The kernel allows a sandbox its own /proc only where a whole one is mounted: a machine's is, the box's is covered.
  await box.must('mount -t proc proc /proc');
  await until(
    'her systemd runs',
    async () => (await box.exec(`${ada.systemctl} is-system-running`)).code === 0,
  );

  await t.test('enabling the target starts the house', async () => {
    await box.must(`${ada.systemctl} daemon-reload; ${ada.systemctl} enable --quiet --now vigil.target`);
    for (const { name, needs } of services) if (!needs) await readyIn(box, ada.systemctl, name);
    const said = await box.must('runuser -u ada /home/ada/.vigil/current/bin/vigil status');
    assert.doesNotMatch(said, /commands are off/);
  });

  await t.test(
    'a service sees nothing of her home but Vigil, no secret but its own, and cannot command her systemd',
    async () => {
      const uid = await box.must('id -u ada');
      assert.deepEqual(
        await probe(box, ada, 'core', {
          state: ['write', '/home/ada/.vigil/state'],
          log: ['write', '/home/ada/.vigil/logs'],
          'the release': ['write', '/home/ada/.vigil/releases'],
          'the config': ['write', '/home/ada/.vigil'],
          'the secrets': ['list', '/home/ada/.vigil/credentials'],
          'what was handed over': ['list', `/run/user/${uid}/credentials`],
          'her diary': ['read', '/home/ada/diary'],
          'her systemd': ['list', `/run/user/${uid}/systemd/private`],
          'her bus': ['read', `/run/user/${uid}/bus`],
          'a shell': ['run', '/bin/sh'],
          'a program of the state': ['runFrom', '/home/ada/.vigil/state'],
          'the network': ['listen', '127.0.0.1'],
        }),
        {
          state: 'yes',
          log: 'yes',
          'the release': 'EROFS',
          'the config': 'EROFS',
          'the secrets': 'EACCES',
          'what was handed over': 'ENOENT',
          'her diary': 'ENOENT',
          'her systemd': 'ENOENT',
          'her bus': 'ENOENT',
          'a shell': 'EACCES',
          'a program of the state': 'EACCES',
          'the network': 'EAFNOSUPPORT',
        },
      );
      assert.deepEqual(
        await probe(box, ada, 'router', {
          own: ['say', `/run/user/${uid}/credentials/vigil-router.service/anthropic.env`],
          'of tools': ['list', `/run/user/${uid}/credentials/vigil-tools.service`],
        }),
        { own: 'ANTHROPIC_API_KEY=of-the-router', 'of tools': 'ENOENT' },
      );
      assert.deepEqual(
        await probe(box, ada, 'tools', {
          'of router': ['list', `/run/user/${uid}/credentials/vigil-router.service`],
          'the secrets': ['list', '/home/ada/.vigil/credentials'],
          'her bus': ['read', `/run/user/${uid}/bus`],
        }),
        { 'of router': 'ENOENT', 'the secrets': 'EACCES', 'her bus': 'EACCES' },
      );
    },
  );

  await t.test('a request restarts the service that it names', async () => {
    for (const { name, needs } of services) if (!needs) await readyIn(box, ada.systemctl, name);
    const before = await pids(box, ada.systemctl);
    await box.must('runuser -u ada -- touch /home/ada/.vigil/state/restart/cron');
    await until('cron is new', async () => (await changed(box, ada.systemctl, before)).length > 0);
    assert.deepEqual(await changed(box, ada.systemctl, before), ['cron']);
  });

  await t.test('one that fails for good is told of, and tried again', async () => {
    // It would take the report away that is looked for here.
    await box.must(`${ada.systemctl} stop vigil-watchdog`);
    await change(box, ada.units, 'vigil-failed@.service', ['Environment=RETRY_FIRST_S=1']);
    await change(box, ada.units, 'vigil-cron.service', [
      'ExecStart=',
      `ExecStart=${ada.release}/bin/node -e "process.exit(3)"`,
      '[Unit]',
      'StartLimitBurst=1',
    ]);
    await box.must(`${ada.systemctl} daemon-reload`);
    await box.exec(`${ada.systemctl} restart vigil-cron`);
    const told = await until('it is told', async () => {
      const { stdout } = await box.exec('cat /home/ada/.vigil/state/failed/cron');
      return stdout === '' ? null : JSON.parse(stdout);
    });
    assert.equal(told.status, 3);
    await box.must(`rm -r ${ada.units}/vigil-cron.service.d; ${ada.systemctl} daemon-reload`);
    await readyIn(box, ada.systemctl, 'cron');
  });
});
