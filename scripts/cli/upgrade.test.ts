/** Upgrades and what belongs to them, on a machine with a real systemd and the real services. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { services } from '#shared/manifest.ts';
import { type Box, boxFor, noBox } from '#shared/testing/box.ts';
import { checkout, SECRETS, startWorld } from '#shared/testing/box-world.ts';
import { OWNER } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { variantOf } from '../host/variant.ts';

const running = services.map(({ name }) => name);

type Report = { services: { name: string; phase: string; version: string | null; pid: number | null }[] };

async function readyIn(box: Box, version: string): Promise<string[]> {
  const { stdout } = await box.exec('vigil status --json');
  if (stdout === '') return [];
  const { services }: Report = JSON.parse(stdout);
  return services.filter((row) => row.phase === 'ready' && row.version === version).map(({ name }) => name);
}

/** How many processes there are of Vigil's users. */
const PROCESSES = `ps -eo user:32= | grep -c '^vigil' || true`;

/** Somebody in a browser: in by a link, to the button, and there until the page tells how it went. */
const ASK = `(async () => {
  const { execFileSync } = require('node:child_process');
  const link = new URL(execFileSync('vigil', ['console'], { encoding: 'utf8' }).trim());
  const { origin } = link;
  const post = (path, fields, cookie = '') =>
    fetch(origin + path, { method: 'POST', redirect: 'manual', headers: { origin, cookie }, body: new URLSearchParams(fields) });
  const entered = await post('/login', { link: link.searchParams.get('link') });
  const cookie = entered.headers.get('set-cookie').split(';')[0];
  const path = entered.headers.get('location') + 'releases';
  const asked = await post(path + '/do/rollback', { version: process.argv[2] }, cookie);
  if (asked.status !== 303) throw new Error('asked: ' + asked.status);
  for (const end = Date.now() + 90000; ; await new Promise((resolve) => setTimeout(resolve, 200))) {
    const page = await fetch(origin + path, { headers: { cookie } }).then((answer) => answer.text(), () => '');
    if (/done in|ended after/.test(page) || Date.now() > end) return console.log(page);
  }
})();`;

describe('a machine with Vigil on it', { skip: noBox }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-'));
  const ends: (() => Promise<void>)[] = [];
  let box: Box;
  let first: string;

  const variant = (version: string, files: { [path: string]: string | null } = {}) =>
    variantOf(join(folder, first), version, files);

  const GOOD = '0.1.0-00000001';
  const MOVED = '0.1.0-00000002';
  const BROKEN = '0.1.0-00000003';
  const LAST = '0.1.0-00000004';
  const HANGS = '0.1.0-00000005';
  const sql = (text: string) => ({ 'shared/store/migrations/0099_fresh.sql': text });
  const migration = sql('CREATE TABLE fresh (id INTEGER) STRICT;');

  before(async () => {
    const program = join(root, 'scripts', 'release');
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    first = basename(execFileSync(program, [folder], { encoding: 'utf8', stdio: [...stdio] }).trim());
    const router = readFileSync(join(folder, first, 'services', 'router.cjs'), 'utf8');
    const tarball = join(folder, `vigil-${GOOD}.tar.gz`);
    variant(GOOD);
    execFileSync('tar', ['-C', folder, '-I', 'gzip -1', '-cf', tarball, GOOD]);
    writeFileSync(join(folder, 'torn.tar.gz'), readFileSync(tarball).subarray(0, 1_000_000));
    variant(MOVED, migration);
    variant(BROKEN, { ...migration, 'services/core.cjs': `throw new Error('broken');` });
    variant(LAST, { 'services/backup.cjs': 'process.exit(1);' });
    variant(HANGS, {
      // Says that it is another version.
      'services/router.cjs': `{
        const fs = require('node:fs'), read = fs.readFileSync;
        fs.readFileSync = (path, ...rest) => /package.json$/.test(path) ? '{"version":"9.9.9"}' : read(path, ...rest);
      }${router}`,
      // Never gets ready, and hears nothing.
      'services/core.cjs': `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);`,
    });
    variant('fails', sql('INSERT INTO nowhere VALUES (1);'));
    variant('nodeless', { 'bin/node': null });
    rmSync(join(variant('half'), 'services', 'tools.cjs'));
    const altered = join(variant('altered'), 'vigil.js');
    rmSync(altered);
    writeFileSync(altered, '//');
    box = await boxFor(
      { after: (end) => void ends.push(end) },
      { binds: { [realpathSync(folder)]: '/mnt/releases', ...checkout } },
    );
    await startWorld(box);
    await box.must(`mkdir /etc/vigil; printf '[telegram]\\nowners = [${OWNER}]\\n' >/etc/vigil/config.toml
      /mnt/releases/${first}/bin/vigil install --credentials ${SECRETS} --yes`);
  });
  after(async () => {
    for (const end of ends) await end();
    rmSync(folder, { recursive: true, force: true });
  });

  const schema = () =>
    box.must(
      `cd /opt/vigil/current && bin/node -p "new (require('better-sqlite3'))('/var/lib/vigil/vigil.db').pragma('user_version', {simple: true})"`,
    );
  const pidsOf = (...names: string[]) =>
    box.must(`systemctl show -P MainPID ${names.map((name) => `vigil-${name}`).join(' ')}`);

  test('it goes to another release and back, and says how long it took', async (t) => {
    const said = await box.must(`vigil upgrade /mnt/releases/vigil-${GOOD}.tar.gz`);
    assert.match(
      said,
      new RegExp(`^upgraded to ${GOOD}; vigil rollback takes it back \\(\\d+\\.\\d\\d s\\)$`, 'm'),
    );
    assert.deepEqual(await readyIn(box, GOOD), running);
    const back = await box.must('vigil rollback');
    const [, took] = /^rolled back: \S+ runs \((\d+\.\d\d) s\)$/m.exec(back) ?? [];
    assert.ok(Number(took) < 30, back);
    t.diagnostic(`${said}\n${back}`);
    assert.deepEqual(await readyIn(box, first), running);
    assert.match(
      await box.must('vigil releases'),
      new RegExp(`^${first} +current .*\n|^${GOOD} +previous `, 'm'),
    );
    const refused = await box.exec(`su nobody -s /bin/sh -c 'vigil upgrade /mnt/releases/${GOOD}'`);
    assert.equal(refused.code, 77);
  });

  test('the console goes back to the release before, and shows how long it took', async (t) => {
    await box.must(`vigil upgrade /mnt/releases/${GOOD}`);
    const page = await box.must(`cat >/tmp/ask.cjs <<'END'\n${ASK}\nEND
      /opt/vigil/current/bin/node /tmp/ask.cjs ${first}`);
    const [, took = ''] = /pill good">done in ([^<]+)<[\s\S]*? runs</.exec(page) ?? [];
    t.diagnostic(took);
    assert.match(took, /^\d+(\.\d)? m?s$/, page);
    assert.deepEqual(await readyIn(box, first), running);
    assert.equal(await box.must('readlink /opt/vigil/current'), `releases/${first}`);
    assert.equal(await box.must('systemctl is-active vigil-rollback.path'), 'active');
    assert.equal(await box.must('systemctl show -P Result vigil-rollback.service'), 'success');
  });

  test('what cannot work is refused before anything is touched', async () => {
    const state = async () => [
      await pidsOf(...running),
      await box.must('ls -a /opt/vigil /opt/vigil/releases'),
    ];
    const before = await state();
    const small = (command: string) =>
      `unshare -m sh -c 'mount -t tmpfs -o size=30m small /srv && cp -a /var/lib/vigil/. /srv && mount --bind /srv /var/lib/vigil && ${command}'`;
    const upgrade = (source: string) => `vigil upgrade /mnt/releases/${source}`;
    for (const [command, words] of [
      [upgrade('fails'), /refuses 'vigil rehearse': SqliteError: no such table: nowhere\n {2}cure/],
      [upgrade('nodeless'), /nodeless does not run on this machine \(linux-x64\): .*ENOENT/],
      [upgrade('half'), /services\/tools\.cjs is missing/],
      [upgrade('altered'), /vigil\.js is not the file that was released/],
      [upgrade('torn.tar.gz'), /torn\.tar\.gz cannot be unpacked/],
      [upgrade('nothing'), /there is no \/mnt\/releases\/nothing/],
      [small(upgrade(GOOD)), /\/var\/lib\/vigil has \d+ MB left, expected \d+ MB/],
      ['vigil rollback 9.9.9', /there is no release 9\.9\.9\n {2}cure: choose one of /],
    ] as const) {
      const ran = await box.exec(command);
      assert.match(ran.stderr, words);
      assert.equal(ran.code, 78, ran.stdout);
      assert.deepEqual(await state(), before, command);
    }
  });

  for (const [what, version, late] of [
    ['crashes after it has moved the schema', BROKEN, ['core']],
    ['has one service, its last, that does not start', LAST, ['backup']],
    ['never gets ready, or beats with another version', HANGS, ['router', 'core']],
  ] as const) {
    test(`a release that ${what} is taken back, and the store with it`, async (t) => {
      const before = await schema();
      const began = performance.now();
      const { code, stdout } = await box.exec(`vigil upgrade /mnt/releases/${version}`);
      t.diagnostic(`${Math.round(performance.now() - began)} ms\n${stdout}`);
      assert.equal(code, 1, stdout);
      assert.match(stdout, new RegExp(`^undone: ${first} runs again`, 'm'));
      const named = [...stdout.matchAll(/^ {2}(\w+) is not ready: /gm)].map(([, name]) => name);
      assert.deepEqual(named, late, stdout);
      assert.deepEqual(await readyIn(box, first), running);
      assert.equal(await schema(), before);
      assert.equal(await box.must('find /var/lib/vigil -name "vigil.db*" ! -perm 660'), '');
      // Nobody waits for what systemd itself grants a start, 90 s.
      assert.ok(performance.now() - began < 85_000, stdout);
    });
  }

  /** Begins it, and has it killed, or the machine without power, once it has come so far. */
  async function cutOff(command: string, step: string, how: 'kill' | 'power cut'): Promise<void> {
    await box.must(
      `systemd-run --quiet --collect --unit=upgrading /usr/local/bin/vigil ${command}
       timeout 30 sh -c 'until grep -q "${step}" /opt/vigil/upgrade.json 2>/dev/null; do sleep 0.01; done'`,
    );
    if (how === 'power cut') await box.crash();
    else
      await box.must(
        'systemctl kill -s KILL upgrading; while systemctl -q is-active upgrading; do sleep 0.1; done',
      );
    assert.match((await box.exec('vigil status')).stdout, /^INTERRUPTED: the \w+ to/m);
  }

  test('killed before it switches, the next upgrade or rollback undoes it', async () => {
    const before = await schema();
    await cutOff(`upgrade /mnt/releases/${MOVED}`, 'preparing', 'kill');
    assert.match(await box.must('vigil rollback'), /was interrupted while preparing: it is undone/);
    await cutOff(`upgrade /mnt/releases/${MOVED}`, 'stopping', 'kill');
    assert.match(await box.must('vigil rollback'), /was interrupted while stopping: it is undone/);
    await until('all are ready', async () => (await readyIn(box, first)).length === running.length);
    assert.equal(await schema(), before);
    assert.equal(
      await box.must('ls /opt/vigil/releases | grep tmp; cat /opt/vigil/upgrade.json 2>&1 | grep step; true'),
      '',
    );
  });

  test('cut off from power while it switches, or goes back, the next upgrade or rollback ends it', async () => {
    const before = await schema();
    // In the moment between systemd's death and its own, it may have seen the restart fail and begun to go back.
    await cutOff(`upgrade /mnt/releases/${MOVED}`, 'switching', 'power cut');
    const said = await box.must(`vigil upgrade /mnt/releases/${MOVED}`);
    assert.match(said, /was interrupted while switching: it goes on/);
    assert.deepEqual(await readyIn(box, MOVED), running);
    assert.equal(await schema(), '99');
    await cutOff('rollback', 'verb.*rollback', 'power cut');
    assert.match(
      await box.must('vigil rollback'),
      /the rollback to \S+ was interrupted while switching: it goes on/,
    );
    assert.deepEqual([await schema(), await readyIn(box, first)], [before, running]);
    const shown = await box.must('vigil releases');
    assert.match(shown, /^upgrade-\S+\.db +before an upgrade +\d+ MB /m);
    assert.match(shown, /^set-aside-\S+\.db +set aside by a rollback +\d+ MB .* 99$/m);
  });

  test('off, nothing of it runs, also after a reboot; on, all is back', async () => {
    const said = await box.must('vigil off for a test');
    assert.match(said, /^off: 0 processes, in \d+\.\d\d s/);
    assert.equal(await box.must(PROCESSES), '0');
    await box.reboot();
    await box.must('systemctl start vigil.target');
    assert.equal(await box.must(PROCESSES), '0');
    assert.match((await box.exec('vigil status')).stdout, /^OFF: .* vigil off by root – for a test/m);
    const back = await box.must('vigil on');
    assert.match(back, new RegExp(`^on: ${running.length} of ${running.length} ready, in `));
    assert.deepEqual(await readyIn(box, first), running);
  });

  test('a restart and a new secret reach those alone that are meant', async () => {
    const pids = () => pidsOf('core', 'tools', 'cron');
    const before = (await pids()).split('\n\n');
    assert.match(await box.must('vigil restart core'), /^1 of 1 ready again/);
    await box.must('printf %s 0123456789abcdef0123 | vigil credentials set search');
    const now = (await pids()).split('\n\n');
    assert.deepEqual(
      now.map((pid, i) => pid === before[i]),
      [false, false, true],
    );
    assert.equal(await box.must('stat -c "%a %U" /etc/vigil/credentials/search.env'), '600 root');
    const list = await box.must('vigil credentials list');
    assert.match(list, /^search +BRAVE_API_KEY …0123 +tools$/m);
    assert.doesNotMatch(list, /89abcdef/);
    const { code, stderr } = await box.exec('echo 12:abc | vigil credentials set telegram');
    assert.equal(code, 78);
    assert.match(stderr, /TELEGRAM_BOT_TOKEN does not look like one \(6 characters\)/);
    const [, , tools] = (await pids()).split('\n');
    assert.match(
      await box.must(
        'printf abc | vigil mcp add mail --url http://127.0.0.1:9/mcp --secret MAIL_TOKEN; vigil mcp remove mail',
      ),
      /^tools was started anew.*\n.* removed, and its secrets\ntools was started anew/m,
    );
    assert.notEqual((await pids()).split('\n')[2], tools);
    const unknown = await box.exec(`echo 999999999:${'A'.repeat(35)} | vigil credentials rotate telegram`);
    assert.equal(unknown.code, 78);
    assert.match(unknown.stderr, /Telegram/);
    assert.deepEqual(await readyIn(box, first), running);
    await until('its log tells of the restart', async () =>
      (await box.must('vigil logs core --since 1m')).includes('service.started'),
    );
  });
});
