import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { type Home, homeOf, prepareHome } from '#shared/runtime/home.ts';
import { type Running, run } from '#shared/runtime/service.ts';
import { openStore, type Store } from '#shared/store/store.ts';
import * as backups from '#shared/tables/backup.ts';
import * as request from '#shared/tables/backup_request.ts';
import * as fault from '#shared/tables/error.ts';
import * as incident from '#shared/tables/incident.ts';
import { scratch, until } from '#shared/testing/scratch.ts';
import { checkBackup, listBackups, makeBackup } from './folder.ts';
import { idOf } from './retention.ts';
import { backup } from './service.ts';

/** Null, or what is wrong with it. */
const check = (folder: string) => checkBackup(folder, `${folder}.check.part`);

const HOUR_ms = 3_600_000;

type Shop = {
  home: Home;
  /** The store as cron has it. */
  cron: Store;
  /** A time at which the job is due. */
  due(job: string): Promise<number>;
  /** What the service has said of it. */
  outcomes(slot: number): Promise<string[]>;
  start(): Promise<Running>;
};

async function shop(t: TestContext, config = ''): Promise<Shop> {
  const home = homeOf({ VIGIL_HOME: scratch(t) });
  prepareHome(home);
  writeFileSync(home.config, config);
  const cron = await openStore({ directory: home.state, principal: 'cron', flush: 'normal' });
  const running = new Set<Running>();
  t.after(async () => {
    for (const one of running) await one.stop().catch(() => {});
    await cron.close();
  });
  let nth = 0;
  return {
    home,
    cron,
    async due(job) {
      nth += 1;
      const sql = `INSERT INTO slot (job, due_at, service, state, created_at) VALUES (?,?,'backup','due',1) RETURNING id`;
      const op = { verb: 'test', sql, args: [job, nth], rings: 'slot' as const };
      const [[row]] = await cron.commit([op]);
      return Number((row as { id: number }).id);
    },
    async outcomes(slot) {
      const sql = 'SELECT state, reason FROM slot_outcome WHERE slot_id = ? ORDER BY id';
      const rows = await cron.read<{ state: string; reason: string | null }>({
        verb: 'test',
        sql,
        args: [slot],
      });
      return rows.map(({ state, reason }) => (reason === null ? state : `${state}: ${reason}`));
    },
    async start() {
      const one = run(backup, { home });
      running.add(one);
      await one.ready;
      return one;
    },
  };
}

const told = (shop: Shop, slot: number) =>
  until('the slot is over', async () => {
    const said = (await shop.outcomes(slot)).at(-1);
    return said !== undefined && said !== 'started' && said;
  });

test('a slot that is due becomes a backup, its row, and an outcome', async (t) => {
  const house = await shop(t);
  await house.start();
  const slot = await house.due('hourly backup');
  const said = await told(house, slot);
  const [row] = await house.cron.read(backups.latest);
  assert.equal(said, `done: ${row?.id}`);
  assert.equal(row?.job, 'hourly backup');
  assert.ok((row?.bytes ?? 0) >= (row?.store_bytes ?? 1));
  assert.deepEqual(await listBackups(house.home.backups), [row?.id]);
  assert.deepEqual(await house.outcomes(slot), ['started', said]);
});

test('old backups go as the config says, from the disk and from the list', async (t) => {
  const house = await shop(t, '[backup]\nkeep_hourly = 2\nkeep_daily = 0\nkeep_weekly = 0\n');
  const now = Date.now();
  for (const hours of [5, 4, 3, 2]) {
    await makeBackup(house.home, { job: 'test', now: now - hours * HOUR_ms, deep: false });
  }
  await house.start();
  assert.equal((await house.cron.read(backups.present)).length, 4, 'folders without a row get one');
  await told(house, await house.due('hourly backup'));
  const left = await listBackups(house.home.backups);
  assert.deepEqual([left.length, left[0]], [2, idOf(now - 2 * HOUR_ms)]);
  assert.deepEqual(
    (await house.cron.read(backups.present)).map(({ id }) => id),
    left,
  );
});

test('what cannot be made is told to cron and to the owner, and is over with the next one', async (t) => {
  const house = await shop(t);
  await house.start();
  writeFileSync(house.home.backups, 'in the way');
  assert.match(await told(house, await house.due('daily backup')), /^failed: /);
  const [open] = await house.cron.read(incident.ongoing);
  assert.deepEqual([open?.cause, open?.service], ['backup', 'backup']);
  rmSync(house.home.backups);
  assert.match(await told(house, await house.due('daily backup')), /^done: /);
  assert.deepEqual(await house.cron.read(incident.ongoing), []);
});

test('a place elsewhere gets one a day, whoever asks gets one at once, and one that fails is tried the next hour', async (t) => {
  const place = join(scratch(t), 'nas');
  const house = await shop(t, `[backup.copies.nas]\nkind = "folder"\npath = ${JSON.stringify(place)}\n`);
  writeFileSync(join(house.home.credentials, 'backup.env'), 'BACKUP_PASSPHRASE=correct horse\n', {
    mode: 0o600,
  });
  await house.start();
  assert.match(await told(house, await house.due('hourly backup')), /^done: .*; not copied to nas: ENOENT/);
  assert.deepEqual(
    (await house.cron.read(incident.ongoing)).map(({ cause }) => cause),
    ['backup copy nas'],
  );
  mkdirSync(place);
  assert.match(await told(house, await house.due('hourly backup')), /; copied to nas$/);
  assert.deepEqual(await house.cron.read(incident.ongoing), []);
  assert.doesNotMatch(await told(house, await house.due('hourly backup')), /nas/);
  const cli = await openStore({ directory: house.home.state, principal: 'cli' });
  t.after(() => cli.close());
  const [[asked]] = await cli.commit([request.ask('somebody', Date.now())]);
  const outcome = await until(
    'it is answered',
    async () => (await cli.read(request.of(asked?.id ?? 0)))[0]?.outcome,
  );
  assert.match(outcome, /; copied to nas$/);
  assert.equal(readdirSync(place).length, 1, 'of one hour one stays');
});

test('pruning says what went, and leaves the log folded', async (t) => {
  const house = await shop(t);
  const core = await openStore({ directory: house.home.state, principal: 'core', flush: 'normal' });
  t.after(() => core.close());
  const old = {
    service: 'core',
    event: 'e',
    type: 't',
    message: 'm',
    trace: null,
    recovery: 'r',
    turn_id: null,
    at: 1,
  };
  await core.commit(fault.record({ ...old, severity: 'error' }, 1));
  await house.start();
  assert.equal(await told(house, await house.due('prune')), 'done: removed 1 of error');
  assert.equal(await told(house, await house.due('prune')), 'done: nothing was old');
});

test('a service that is killed leaves no half backup; the next one removes it, and does the slot', async (t) => {
  const house = await shop(t);
  const slot = await house.due('hourly backup');
  for (let i = 0; i < 400; i++) writeFileSync(join(house.home.files, `f${i}`), `${i}`);
  const child = spawn(process.execPath, [join(root, 'services/backup/service.ts')], {
    env: { ...process.env, VIGIL_HOME: house.home.directory, VIGIL_CONSOLE: 'off' },
    stdio: 'ignore',
  });
  const parts = () =>
    existsSync(house.home.backups) && readdirSync(house.home.backups).some((name) => name.endsWith('.part'));
  await until('it makes a backup', parts);
  child.kill('SIGKILL');
  await once(child, 'close');
  assert.deepEqual([parts(), await listBackups(house.home.backups)], [true, []]);
  assert.deepEqual(await house.outcomes(slot), ['started']);
  await house.start();
  assert.match(await told(house, slot), /^done: /);
  assert.equal(parts(), false);
  const [id = ''] = await listBackups(house.home.backups);
  assert.equal(await check(join(house.home.backups, id)), null);
});

test('it goes on while all is halted', async (t) => {
  const house = await shop(t);
  writeFileSync(house.home.halted, 'for a test');
  await house.start();
  assert.match(await told(house, await house.due('hourly backup')), /^done: /);
});

test('one that ends while it makes a backup leaves the slot to the next start', async (t) => {
  const house = await shop(t);
  for (let i = 0; i < 400; i++) writeFileSync(join(house.home.files, `f${i}`), `${i}`);
  const running = await house.start();
  const slot = await house.due('hourly backup');
  await until(
    'it makes a backup',
    () => existsSync(house.home.backups) && readdirSync(house.home.backups).length > 0,
  );
  await running.stop();
  assert.deepEqual(await house.outcomes(slot), ['started']);
  assert.deepEqual(await house.cron.read(incident.ongoing), []);
  await house.start();
  assert.match(await told(house, slot), /^done: /);
});

test('when something was forgotten, a new backup takes the place of all that hold it, here and elsewhere', async (t) => {
  const place = scratch(t);
  const house = await shop(t, `[backup.copies.nas]\nkind = "folder"\npath = "${place}"\n`);
  writeFileSync(join(house.home.credentials, 'backup.env'), 'BACKUP_PASSPHRASE=a long passphrase\n', {
    mode: 0o600,
  });
  await makeBackup(house.home, { job: 'by hand', now: Date.now() - 30 * HOUR_ms, deep: false });
  await house.start();
  const ask = async (alone: boolean) => {
    const [[asked]] = await house.cron.commit([request.ask('test', Date.now(), alone)]);
    return until(
      'it is answered',
      async () => (await house.cron.read(request.of(asked?.id ?? 0)))[0]?.outcome,
    );
  };
  await ask(false);
  assert.equal((await listBackups(house.home.backups)).length, 2);
  const [before] = readdirSync(place);
  const said = await ask(true);
  const left = await listBackups(house.home.backups);
  assert.equal(left.length, 1);
  assert.equal(said, `${left[0]}; copied to nas`);
  const after = readdirSync(place);
  assert.equal(after.length, 1);
  assert.ok(after[0]?.startsWith(left[0] ?? '-') && after[0] !== before);
});
