/** Upgrades and what belongs to them, on a machine with a real systemd and the real services. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { services } from '#shared/manifest.ts';
import { type Box, boxFor, noBox } from '#shared/testing/box.ts';
import { until } from '#shared/testing/scratch.ts';
import { variantOf } from '../host/variant.ts';

const running = services.filter(({ needs }) => needs === undefined).map(({ name }) => name);

type Report = { services: { name: string; phase: string; version: string | null; pid: number | null }[] };

async function readyIn(box: Box, version: string): Promise<string[]> {
  const { stdout } = await box.exec('vigil status --json');
  if (stdout === '') return [];
  const { services }: Report = JSON.parse(stdout);
  return services.filter((row) => row.phase === 'ready' && row.version === version).map(({ name }) => name);
}

/** How many processes there are of Vigil's users. */
const PROCESSES = `ps -eo user:32= | grep -c '^vigil' || true`;

describe('a machine with Vigil on it', { skip: noBox }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-'));
  const ends: (() => Promise<void>)[] = [];
  let box: Box;
  let first: string;

  const GOOD = '0.1.0-00000001';
  const MOVED = '0.1.0-00000002';
  const BROKEN = '0.1.0-00000003';
  const migration = { 'shared/store/migrations/0099_fresh.sql': 'CREATE TABLE fresh (id INTEGER) STRICT;' };

  before(async () => {
    const program = join(root, 'scripts', 'release');
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    first = basename(execFileSync(program, [folder], { encoding: 'utf8', stdio: [...stdio] }).trim());
    variantOf(join(folder, first), GOOD);
    variantOf(join(folder, first), MOVED, migration);
    variantOf(join(folder, first), BROKEN, {
      ...migration,
      'services/core.cjs': `throw new Error('broken');`,
    });
    box = await boxFor(
      { after: (end) => void ends.push(end) },
      { binds: { [realpathSync(folder)]: '/mnt/releases' } },
    );
    await box.must(`/mnt/releases/${first}/bin/vigil install --yes`);
  });
  after(async () => {
    for (const end of ends) await end();
    rmSync(folder, { recursive: true, force: true });
  });

  const schema = () =>
    box.must(
      `cd /opt/vigil/current && bin/node -p "new (require('better-sqlite3'))('/var/lib/vigil/vigil.db').pragma('user_version', {simple: true})"`,
    );

  test('it goes to another release and back, and says how long it took', async (t) => {
    const said = await box.must(`vigil upgrade /mnt/releases/${GOOD}`);
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

  test('a release that does not get well is taken back, and the store with it', async () => {
    const before = await schema();
    const { code, stdout } = await box.exec(`vigil upgrade /mnt/releases/${BROKEN}`);
    assert.equal(code, 1, stdout);
    assert.match(stdout, new RegExp(`^undone: ${first} runs again`, 'm'));
    assert.deepEqual(await readyIn(box, first), running);
    assert.equal(await schema(), before);
    assert.equal(await box.must('find /var/lib/vigil -name "vigil.db*" ! -perm 660'), '');
  });

  test('cut off from power while it switches, it is ended by the next upgrade', async () => {
    const before = await schema();
    await box.must(
      `systemd-run --quiet --unit=upgrading /usr/local/bin/vigil upgrade /mnt/releases/${MOVED}
       until grep -q switching /opt/vigil/upgrade.json 2>/dev/null; do sleep 0.02; done`,
    );
    // In the moment between systemd's death and its own, it may have seen the restart fail and begun to go back.
    await box.crash();
    assert.match((await box.exec('vigil status')).stdout, /^INTERRUPTED: the \w+ to/m);
    const said = await box.must(`vigil upgrade /mnt/releases/${MOVED}`);
    assert.match(said, /was interrupted while switching: it goes on/);
    assert.deepEqual(await readyIn(box, MOVED), running);
    assert.equal(await schema(), '99');
    await box.must('vigil rollback');
    assert.deepEqual([await schema(), await readyIn(box, first)], [before, running]);
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
    const pids = () => box.must('systemctl show -P MainPID vigil-core vigil-tools vigil-cron');
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
    await until('its log tells of the restart', async () =>
      (await box.must('vigil logs core --since 1m')).includes('service.started'),
    );
  });
});
