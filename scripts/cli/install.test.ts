/** Installations as their owner makes them, each on a machine of its own with a real systemd. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { services } from '#shared/manifest.ts';
import { boxFor, noBox } from '#shared/testing/box.ts';
import { checkout, SECRETS, startWorld } from '#shared/testing/box-world.ts';
import { OWNER } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

const here = '/mnt/release/bin/vigil';
const rehearsed = services.filter(({ needs }) => needs === undefined).map(({ name }) => name);

/** Where an installation could leave something: every path with its mode and its owner. */
const TREE = `find /etc /opt /usr/local /var/lib /var/log /run/vigil /home -xdev ! -type s -printf '%p %m %u %g\\n' 2>/dev/null |
  grep -v '^/\\(var/lib/systemd\\|var/log/journal\\|etc/\\(passwd\\|group\\|shadow\\|gshadow\\|subuid\\|subgid\\|.pwd.lock\\)\\)' | sort`;

type Report = { services: { name: string; phase: string; version: string | null; pid: number | null }[] };

function readyOf(report: string, version: string): string[] {
  const { services }: Report = JSON.parse(report);
  return services.filter((row) => row.phase === 'ready' && row.version === version).map(({ name }) => name);
}

describe('a release on a machine', { skip: noBox }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-'));
  let release: string;
  let version: string;

  before(() => {
    const program = join(root, 'scripts', 'release');
    release = execFileSync(program, [folder], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    version = basename(release);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const machine = (t: { after(handler: () => Promise<void>): void }) =>
    boxFor(t, {
      binds: {
        [release]: '/mnt/release',
        ...checkout,
      },
    });

  test('it is installed for the machine, answers, is found installed, and goes without a trace', async (t) => {
    const box = await machine(t);
    const tree = () => box.must(TREE);
    const untouched = await tree();
    const refused = async (command: string, code: number, words: RegExp) => {
      const ran = await box.exec(command);
      assert.equal(ran.code, code, `${ran.stdout}${ran.stderr}`);
      assert.match(ran.stderr, words);
    };

    await t.test('a rehearsal says all and changes nothing', async () => {
      const said = await box.must(`${here} install --dry-run`);
      assert.match(said, /^would make the group vigil/m);
      assert.match(said, /steps; nothing was changed$/);
      assert.equal(await tree(), untouched);
    });

    await t.test('what cannot be is refused, with the cure, and changes nothing', async () => {
      await refused(
        `setpriv --reuid=65534 --clear-groups ${here} install`,
        77,
        /needs root\n {2}cure: sudo \/mnt\/release\/bin\/vigil install/,
      );
      await refused(`${here} install --user --system`, 78, /expected one profile/);
      await refused(`${here} install --from /nowhere`, 78, /there is no \/nowhere/);
      await refused(
        `cp -r /mnt/release /run/half && rm /run/half/services/core.cjs && ${here} install --from /run/half`,
        78,
        /services\/core\.cjs is missing/,
      );
      await refused(
        `cp /mnt/release/services/core.cjs /run/half/services && echo >>/run/half/vigil.js && ${here} install --from /run/half`,
        78,
        /vigil\.js is not the file that was released/,
      );
      await refused(
        `mount -t tmpfs -o size=100m tmpfs /opt && ${here} install; code=$?; umount /opt; exit $code`,
        78,
        /the disk of \/opt has \d+ MB free, expected 3\d\d MB/,
      );
      await refused(
        `systemd-run --quiet --unit=taken ${process.execPath} -e "net.createServer().listen(4100, '127.0.0.1')" && sleep 1; ${here} install; code=$?; systemctl stop taken; exit $code`,
        78,
        /port 4100 on 127\.0\.0\.1 is taken/,
      );
      await refused(
        `mkdir -p -m 755 /etc/vigil/credentials; ${here} install; code=$?; rm -r /etc/vigil; exit $code`,
        78,
        /\/etc\/vigil\/credentials could be read by others \(user 0, mode 755; expected user 0, closed to them\)\n {2}cure: .*chmod go-rwx/,
      );
      await refused(
        `mkdir /var/lib/vigil && chown 1234 /var/lib/vigil; ${here} install; code=$?; rm -r /var/lib/vigil; exit $code`,
        78,
        /\/var\/lib\/vigil could be changed by others \(user 1234, .*expected user 0/,
      );
      await refused(
        `unshare -m sh -c 'mount -t tmpfs hidden /run/systemd && ${here} install'`,
        78,
        /not run by systemd\n {2}cure: .*scripts\/start/,
      );
      await refused(
        `touch /usr/local/bin/vigil; ${here} install; code=$?; rm /usr/local/bin/vigil; exit $code`,
        78,
        /\/usr\/local\/bin\/vigil is there already, and not ours/,
      );
      const newer = `mkdir -p /var/lib/vigil && cd /mnt/release && bin/node -e "new (require('better-sqlite3'))('/var/lib/vigil/vigil.db').exec('PRAGMA user_version=9999; CREATE TABLE t (x)')"`;
      await refused(
        `${newer}; ${here} install; code=$?; rm -r /var/lib/vigil; exit $code`,
        78,
        /has schema 9999, .* a newer release wrote it; it was left untouched/,
      );
      assert.equal(await tree(), untouched);
    });

    await startWorld(box);
    const before = await tree();

    await t.test('it is installed, and every service beats with its version', async () => {
      await box.must(`mkdir -p /opt/vigil/releases/77.tmp`); // of a run that was cut off
      const said = await box.must(
        `mkdir /etc/vigil; printf '[telegram]\\nowners = [${OWNER}]\\n' >/etc/vigil/config.toml; ${here} install --credentials ${SECRETS} --yes`,
      );
      assert.match(said, new RegExp(`vigil ${version} is installed in /opt/vigil$`));
      for (const { name } of services)
        assert.match(said, new RegExp(`^${name} +ready +\\d+ +${version} +\\d+ MB +\\d+ ms`, 'm'));
      assert.deepEqual(
        readyOf(await box.must('vigil status --json'), version),
        services.map(({ name }) => name),
      );
      assert.equal(await box.must('ls /opt/vigil/releases'), version);
      assert.equal(
        await box.must(
          'cd /opt/vigil/current && sha256sum --quiet -c MANIFEST.sha256 && find . ! -user root | wc -l',
        ),
        '0',
      );
    });

    await t.test('a message to the bot is answered', async () => {
      await until('it is answered', async () => (await box.exec('grep answered /root/world.log')).code === 0);
    });

    await t.test('every service is a user of its own, and no secret is open', async () => {
      for (const { name } of services) {
        const pid = await box.must(`systemctl show -P MainPID vigil-${name}`);
        assert.equal(await box.must(`stat -c '%U %G' /proc/${pid}`), `vigil-${name} vigil`);
      }
      assert.equal(
        await box.must('stat -c "%a %U" /etc/vigil/credentials /etc/vigil/credentials/telegram.env'),
        '700 root\n600 root',
      );
      assert.equal(
        await box.must('find /var/lib/vigil -type f ! -perm -g+rw -o -type d ! -perm -g+rwxs'),
        '',
      );
    });
    await t.test('a second run finds all done', async () => {
      // What they keep is theirs, and changes by itself.
      const state = () =>
        box.must(`${TREE} | grep -v '^/var/l'; systemctl show -P MainPID vigil-core vigil-router`);
      const installed = await state();
      const said = await box.must('vigil install');
      assert.match(said, new RegExp(`vigil ${version} is installed: nothing was to do$`));
      assert.equal(await state(), installed);
    });

    await t.test('what was cut off, or broken since, is ended by the next run', async () => {
      await box.must(
        `rm /etc/systemd/system/vigil-core.service /usr/local/bin/vigil; echo >>/opt/vigil/current/services/core.cjs; chmod 700 /var/lib/vigil/run`,
      );
      const said = await box.must(`${here} install`);
      assert.match(said, /^put .* into \/opt\/vigil\/releases/m);
      assert.match(said, /^make \/var\/lib\/vigil\/run \(2770, root:vigil\)$/m);
      assert.match(said, /is installed in/);
      assert.match(await box.must('vigil install'), /nothing was to do$/);
    });

    await t.test('another release is not installed over it', () =>
      refused(
        `cp -r /mnt/release /run/other && cd /run/other && sed -i 's/${version}/9.9.9-00000000/' package.json && sed -i "s/^.*  package.json$/$(sha256sum package.json)/" MANIFEST.sha256 && ${here} install --from /run/other`,
        78,
        /runs \S+ already, this is 9\.9\.9-00000000\n {2}cure: vigil upgrade, as root/,
      ),
    );

    await t.test(
      'a member of the group asks without sudo; a stranger is told how to become one',
      async () => {
        await box.must('useradd -m ada');
        await refused(
          'su ada -c "vigil status"',
          77,
          /\/var\/lib\/vigil is closed to ada\n {2}cure: .*sudo usermod -aG vigil ada/,
        );
        const pids = () => box.must('systemctl show -P MainPID vigil-core vigil-router');
        const running = await pids();
        assert.match(await box.must('SUDO_USER=ada vigil install --yes'), /^let ada use vigil without sudo/m);
        assert.equal(await pids(), running, 'nobody is restarted for that');
        assert.deepEqual(
          readyOf(await box.must('su ada -c "vigil status --json"'), version),
          services.map(({ name }) => name),
        );
        await box.must('su ada -c "vigil halt"; su ada -c "vigil resume"');
      },
    );

    await t.test('after a power cut it is up again by itself', async () => {
      await box.crash();
      await until('all are ready', async () => {
        const { stdout } = await box.exec('vigil status --json');
        return stdout !== '' && readyOf(stdout, version).length >= rehearsed.length;
      });
    });

    await t.test('taken away, it leaves what it has kept; purged, nothing', async () => {
      const said = await box.must('vigil uninstall');
      assert.match(said, /it has left \/etc\/vigil\/config\.toml, /);
      assert.equal(
        await box.must(
          'ls /opt/vigil /usr/local/bin/vigil /etc/systemd/system 2>/dev/null | grep vigil; readlink /proc/[0-9]*/exe | grep vigil; ls /var/lib/vigil/vigil.db',
        ),
        '/var/lib/vigil/vigil.db',
      );
      assert.match(await box.must(`${here} install --yes`), /is installed in/);
      await refused('echo no | vigil uninstall --purge', 78, /the word was not typed; nothing was changed/);
      assert.match(await box.must('echo purge | vigil uninstall --purge'), /nothing of Vigil is left$/);
      await box.must('userdel -r ada 2>/dev/null');
      assert.equal(
        await box.must(
          'getent passwd | grep vigil; getent group vigil; systemctl list-units --all --plain --no-legend "vigil*"; readlink /proc/[0-9]*/exe | grep vigil; true',
        ),
        '',
      );
      const gone = new Set(before.split('\n'));
      assert.deepEqual(
        (await tree()).split('\n').filter((line) => !gone.has(line)),
        [],
      );
    });
  });

  test('what a checkout has kept is taken over, and the checkout stays down', async (t) => {
    const box = await machine(t);
    const node = process.execPath;
    const checkout = `cd ${root} && VIGIL_HOME=/root/kept ${node}`;
    const suite = `systemd-run --quiet --unit=suite --setenv=VIGIL_HOME=/root/kept --working-directory=${root} ${node} ${root}/scripts/suite.ts --no-chat --sources`;
    await box.must(`${suite}`);
    await until('somebody answers there', async () => {
      return (await box.exec(`${checkout} scripts/vigil.ts send 'remember me'`)).code === 0;
    });
    await box.must(
      'echo "Be brief." >/root/kept/state/persona.md; mkdir /root/kept/state/workspace/notes; echo a >/root/kept/state/workspace/notes/one; chmod 700 /root/kept/state/workspace/notes',
    );
    const command = `${checkout} scripts/vigil.ts install --from /mnt/release --yes`;

    const busy = await box.exec(command);
    assert.equal(busy.code, 78);
    assert.match(
      busy.stderr,
      /scripts\/start still runs on \/root\/kept, which is to be taken over\n {2}cure: end it/,
    );
    assert.notEqual((await box.exec('ls /opt/vigil')).code, 0);

    await box.must('systemctl stop suite');
    const kept = await box.must(
      'cd /root/kept && find . -type f ! -path "./state/run/*" ! -name "vigil.db-*" | xargs sha256sum',
    );
    assert.match(await box.must(command), /^copy the store of \/root\/kept\/state to \/var\/lib\/vigil$/m);
    assert.match(await box.must('vigil explain last'), /remember me/);
    assert.equal(
      await box.must('cat /var/lib/vigil/persona.md; stat -c "%a %U %G" /var/lib/vigil/workspace/notes'),
      'Be brief.\n2770 root vigil',
    );
    assert.match(await box.must('vigil send "still there?"'), /./);

    const again = await box.exec(`${checkout} scripts/suite.ts --no-chat --sources`);
    assert.equal(again.code, 78);
    assert.match(
      again.stderr,
      /vigil is switched off \(\/root\/kept\/STOPPED is there: \S+ taken over by the installation in \/opt\/vigil\)/,
    );
    const left = await box.must(
      'cd /root/kept && rm STOPPED && find . -type f ! -path "./state/run/*" ! -name "vigil.db-*" | xargs sha256sum',
    );
    assert.equal(left, kept);
    assert.match(await box.must(command), /nothing was to do$/);
  });

  test('one user has it for themselves, without a login', async (t) => {
    const box = await machine(t);
    await box.must('useradd -m ada && id -u ada >/root/uid');
    const ada = (command: string) =>
      `runuser -u ada -- env -u SUDO_USER HOME=/home/ada XDG_RUNTIME_DIR=/run/user/$(cat /root/uid) ${command}`;
    const before = await box.must(TREE);
    const asRoot = await box.exec(`SUDO_USER=ada ${here} install --user`);
    assert.equal(asRoot.code, 78);
    assert.match(
      asRoot.stderr,
      /installed by that user, not by root\n {2}cure: as ada: vigil install --user/,
    );

    const bound = await box.exec(
      `systemctl mask --quiet --runtime --now systemd-logind; ${ada(`${here} install --user`)}; code=$?
       systemctl unmask --quiet --runtime systemd-logind; exit $code`,
    );
    assert.equal(bound.code, 78);
    assert.match(
      bound.stderr,
      /services would end with the login, .*\n {2}cure: sudo loginctl enable-linger ada/,
    );
    assert.equal(await box.must(TREE), before);

    const said = await box.must(ada(`${here} install --user --yes`));
    assert.match(said, /^let ada's services run without a login$/m);
    assert.match(said, new RegExp(`vigil ${version} is installed in /home/ada/.vigil$`));
    const vigil = '/home/ada/.local/bin/vigil';
    assert.deepEqual(readyOf(await box.must(ada(`${vigil} status --json`)), version), rehearsed);
    assert.equal(await box.must('find /home/ada/.vigil -perm /077 ! -type l ! -path "*/releases/*"'), '');
    assert.match(await box.must(ada(`${vigil} install --user`)), /nothing was to do$/);

    await box.reboot();
    const ready = () =>
      until('all are ready', async () => {
        const { stdout } = await box.exec(ada(`${vigil} status --json`));
        return stdout !== '' && readyOf(stdout, version).length === rehearsed.length;
      });
    await ready();

    const next = '9.9.9-00000000';
    await box.must(
      `cp -r /mnt/release /run/next && cd /run/next && sed -i 's/${version}/${next}/' package.json && sed -i "s/^.*  package.json$/$(sha256sum package.json)/" MANIFEST.sha256`,
    );
    assert.match(await box.must(ada(`${vigil} upgrade /run/next`)), new RegExp(`^upgraded to ${next}`, 'm'));
    assert.deepEqual(readyOf(await box.must(ada(`${vigil} status --json`)), next), rehearsed);
    assert.match(await box.must(ada(`${vigil} rollback`)), new RegExp(`^rolled back: ${version} runs`, 'm'));
    await ready();

    assert.match(await box.must(ada(`${vigil} restart core`)), /^1 of 1 ready again/);
    for (const [verb, key] of [
      ['set', '0123456789abcdef0123'],
      ['rotate', '0123456789abcdef4567'],
    ]) {
      await box.must(`printf %s ${key} | ${ada(`${vigil} credentials ${verb} search`)}`);
    }
    assert.match(await box.must(ada(`${vigil} credentials list`)), /^search +BRAVE_API_KEY …4567 +tools$/m);
    await until('its log tells of the restart', async () =>
      (await box.must(ada(`${vigil} logs core --since 5m`))).includes('service.started'),
    );

    assert.match(await box.must(ada(`${vigil} off`)), /^off: 0 processes/);
    await box.reboot();
    await box.must('until [ -S /run/user/$(cat /root/uid)/systemd/private ]; do sleep 0.1; done');
    await box.must(ada('systemctl --user start vigil.target'));
    assert.equal(await box.must('readlink /proc/[0-9]*/exe | grep -c vigil || true'), '0');
    const all = rehearsed.length;
    assert.match(await box.must(ada(`${vigil} on`)), new RegExp(`^on: ${all} of ${all} ready`));

    await box.must(`echo purge | ${ada(`${vigil} uninstall --purge`)}`);
    assert.equal(
      await box.must(
        `readlink /proc/[0-9]*/exe | grep vigil; ${ada('systemctl --user list-units --all --plain --no-legend "vigil*"')}`,
      ),
      '',
    );
    const there = new Set(before.split('\n'));
    assert.deepEqual(
      (await box.must(TREE)).split('\n').filter((line) => !there.has(line)),
      [],
    );
  });
});
