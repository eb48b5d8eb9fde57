import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { Misconfigured } from '#shared/base/errors.ts';
import { root } from '#shared/base/root.ts';
import { type ServiceName, services } from '#shared/manifest.ts';
import { homeOf } from '#shared/runtime/home.ts';
import { answerOf, lastAnswer, linked, releasesOf } from '#shared/runtime/releases.ts';
import { askedIn, askForRollback } from '#shared/runtime/rollback.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { answerAsked } from './asked.ts';
import { unfinished } from './journal.ts';
import type { Place } from './place.ts';
import { filesOf, sha256 } from './release.ts';
import type { Standing, Supervisor } from './supervisor.ts';
import { keptStores, losses, resumption, rollback, upgrade } from './switch.ts';

const NAMES: ServiceName[] = ['router', 'core', 'tools'];

function placeAt(prefix: string): Place {
  const home = homeOf({}, join(prefix, 'releases', 'any'));
  return { profile: 'user', prefix, home, units: join(prefix, 'units'), command: join(prefix, 'vigil') };
}

/** What a release does with the store: its migrations, and nothing else. */
const MIGRATE = `
  const { readdirSync, readFileSync } = require('node:fs');
  const { join } = require('node:path');
  const Database = require('better-sqlite3');
  module.exports = (file) => {
    const db = new Database(file, { timeout: 5000 });
    const folder = join(__dirname, 'shared', 'store', 'migrations');
    for (const name of readdirSync(folder).sort()) {
      if (parseInt(name, 10) <= db.pragma('user_version', { simple: true })) continue;
      db.exec(readFileSync(join(folder, name), 'utf8'));
      db.pragma('user_version = ' + parseInt(name, 10));
    }
    return db;
  };`;

const PROGRAM = `
  const [verb, folder] = process.argv.slice(2);
  if (verb === 'config') process.exit(0);
  if (verb === 'status') {
    const { version, newcomer } = require('./package.json');
    const rows = newcomer ? [{ name: 'newcomer', phase: newcomer, version }] : [];
    console.log(JSON.stringify({ services: [{ name: 'telegram', phase: 'dead', version: null }, ...rows] }));
    process.exit(1);
  }
  const db = require('./migrate.cjs')(folder + '/vigil.db');
  const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
  const rows = Object.fromEntries(names.map((name) => [name, db.prepare('SELECT count(*) FROM ' + name).pluck().get()]));
  const integrity = db.pragma('integrity_check', { simple: true });
  console.log(JSON.stringify({ schema: db.pragma('user_version', { simple: true }), integrity, rows }));`;

const FIRST = `CREATE TABLE note (text TEXT) STRICT;
  CREATE TABLE heartbeat (service TEXT, worker INTEGER, pid INTEGER, version TEXT, phase TEXT, problem TEXT) STRICT;`;

/** A release in the real format whose programs are small. `broken` services never become ready. */
function makeRelease(
  folder: string,
  version: string,
  of: { migrations?: string[]; broken?: ServiceName[]; program?: string; newcomer?: string } = {},
): string {
  const path = join(folder, version);
  const put = (file: string, text: string) => {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), text);
  };
  put('package.json', JSON.stringify({ version, broken: of.broken ?? [], newcomer: of.newcomer }));
  put('vigil.js', of.program ?? PROGRAM);
  put('migrate.cjs', MIGRATE);
  put('systemd/vigil-core.service', `of ${version}`);
  put('systemd/vigil-rollback.service', '');
  for (const [i, sql] of [FIRST, ...(of.migrations ?? [])].entries()) {
    put(`shared/store/migrations/000${i + 1}.sql`, sql);
  }
  mkdirSync(join(path, 'bin'));
  symlinkSync(process.execPath, join(path, 'bin', 'node'));
  const driver = JSON.stringify(join(root, 'node_modules', 'better-sqlite3'));
  put('node_modules/better-sqlite3/index.js', `module.exports = require(${driver});`);
  sign(path);
  return path;
}

function sign(release: string): void {
  rmSync(join(release, 'MANIFEST.sha256'), { force: true });
  const lines = filesOf(release).map((file) => `${sha256(join(release, file))}  ${file}\n`);
  writeFileSync(join(release, 'MANIFEST.sha256'), lines.join(''));
}

/** systemd, as far as a switch can tell: what runs is what `current` pointed at when it was started. */
function supervisorAt(place: Place, called: (what: string) => void = () => {}): Supervisor {
  const file = join(place.prefix, 'running.json');
  const running = (): { [name: string]: { pid: number; version: string } } =>
    existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const current = () => join(place.prefix, 'releases', String(linked(place, 'current')));

  function start(names: readonly ServiceName[], again: boolean): void {
    const { version, broken } = JSON.parse(readFileSync(join(current(), 'package.json'), 'utf8'));
    const store = join(place.home.state, 'vigil.db');
    const now = running();
    for (const name of names) {
      if (now[name] && !again) continue;
      const pid = (now[name]?.pid ?? 0) + 1;
      now[name] = { pid, version };
      const db = new Database(store);
      const newest = readdirSync(join(current(), 'shared', 'store', 'migrations')).sort();
      const from = Number(db.pragma('user_version', { simple: true }));
      if (from > newest.length) throw new Error(`${version} cannot read schema ${from}`);
      for (const sql of newest.slice(from)) {
        db.exec(readFileSync(join(current(), 'shared', 'store', 'migrations', sql), 'utf8'));
      }
      db.pragma(`user_version = ${newest.length}`);
      db.prepare('DELETE FROM heartbeat WHERE service = ?').run(name);
      const phase = broken.includes(name) ? 'starting' : 'ready';
      db.prepare('INSERT INTO heartbeat VALUES (?, 0, ?, ?, ?, NULL)').run(name, pid, version, phase);
      db.close();
    }
    writeFileSync(file, JSON.stringify(now));
  }

  return {
    async install(release) {
      called('install');
      mkdirSync(place.units, { recursive: true });
      const from = join(release, 'systemd', 'vigil-core.service');
      const to = join(place.units, 'vigil-core.service');
      if (existsSync(to) && readFileSync(to, 'utf8') === readFileSync(from, 'utf8')) return [];
      cpSync(from, to);
      return ['vigil-core.service'];
    },
    async enable() {},
    async disable() {},
    async start(names = NAMES) {
      called('start');
      start(names, false);
    },
    async stop() {
      called('stop');
      writeFileSync(file, '{}');
    },
    async restart(names = NAMES) {
      called(`restart ${names.join(' ')}`);
      start(names, true);
    },
    async standings() {
      const now = running();
      return new Map<ServiceName, Standing>(
        services.map(({ name }) => [
          name,
          NAMES.includes(name)
            ? { state: now[name] ? 'active' : 'stopped', pid: now[name]?.pid ?? null, restarts: 0 }
            : { state: 'absent', pid: null, restarts: null },
        ]),
      );
    },
    async uninstall() {},
  };
}

const OLD = '1.0.0-aaaaaaaa';
const NEW = '1.1.0-bbbbbbbb';
const MOVE = ['CREATE TABLE fresh (id INTEGER) STRICT;'];

/** The child that is killed in the middle of its work: at the n-th thing that it does. */
if (process.env.KILL_AT) {
  let left = Number(process.env.KILL_AT);
  const step = () => {
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
  const place = placeAt(process.env.PREFIX ?? '');
  await upgrade(
    { place, supervisor: supervisorAt(place, step), say: step, within_ms: 300 },
    process.env.SOURCE ?? '',
  );
  process.exit(0);
}

async function house(t: TestContext) {
  const folder = scratch(t);
  const place = placeAt(join(folder, '.vigil'));
  mkdirSync(place.home.state, { recursive: true });
  makeRelease(join(place.prefix, 'releases'), OLD);
  symlinkSync(join('releases', OLD), join(place.prefix, 'current'));
  const calls: string[] = [];
  const supervisor = supervisorAt(place, (what) => calls.push(what));
  await supervisor.start();
  const file = join(place.home.state, 'vigil.db');
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  db.exec("INSERT INTO note VALUES ('kept')");
  db.close();
  calls.length = 0;
  const said: string[] = [];
  const host = { place, supervisor, say: (line: string) => void said.push(line), within_ms: 300 };
  const ask = (sql: string) => {
    const db = new Database(file);
    try {
      return db.prepare(sql).pluck().all();
    } finally {
      db.close();
    }
  };
  return { folder, place, host, calls, said, ask, file };
}

test('an upgrade proves the release, restarts one after the other, and keeps what was before', async (t) => {
  const { folder, place, host, calls, ask } = await house(t);
  const outcome = await upgrade(host, makeRelease(folder, NEW));
  assert.deepEqual([outcome.done, outcome.version], ['upgraded', NEW]);
  assert.deepEqual(outcome.verdict, { ready: NAMES, late: [] });
  assert.deepEqual([linked(place, 'current'), linked(place, 'previous')], [NEW, OLD]);
  assert.deepEqual(calls, ['install', 'restart router', 'restart core', 'restart tools', 'start']);
  assert.deepEqual(ask('SELECT DISTINCT version FROM heartbeat'), [NEW]);
  assert.deepEqual(ask('SELECT text FROM note'), ['kept']);
  assert.equal(unfinished(place), null);
  assert.equal((await upgrade(host, join(folder, NEW))).done, 'already');
});

test('a release that does not get well is undone, and the store with it when its schema moved', async (t) => {
  const { folder, place, host, calls, said, ask } = await house(t);
  const source = makeRelease(folder, NEW, { migrations: MOVE, broken: ['tools'] });
  const outcome = await upgrade(host, source);
  assert.deepEqual([outcome.done, outcome.version], ['undone', OLD]);
  assert.deepEqual(
    outcome.verdict.late.map(({ name }) => name),
    ['tools'],
  );
  assert.deepEqual([linked(place, 'current'), linked(place, 'previous')], [OLD, null]);
  assert.equal(calls[0], 'stop', 'nobody writes between the snapshot and the switch');
  assert.deepEqual(ask('PRAGMA user_version'), [1]);
  assert.deepEqual(ask('SELECT text FROM note'), ['kept']);
  assert.deepEqual(ask('SELECT DISTINCT version FROM heartbeat'), [OLD]);
  const kept = readdirSync(place.home.state).filter((name) => /^set-aside-[^-]+-.*\.db$/.test(name));
  assert.equal(kept.length, 1, 'the newer store is kept');
  assert.match(said.join('\n'), /2 of 3 ready: back to 1\.0\.0-aaaaaaaa/);
});

test('a service that a release brings has to be ready as well, or to be off', async (t) => {
  const { folder, place, host } = await house(t);
  for (const [version, newcomer, done] of [
    ['1.1.0-ready', 'ready', 'upgraded'],
    ['1.2.0-off', 'off', 'upgraded'],
    ['1.3.0-late', 'starting', 'undone'],
  ] as const) {
    const outcome = await upgrade(host, makeRelease(folder, version, { newcomer }));
    assert.deepEqual(
      [outcome.done, outcome.verdict.late.map(({ name, why }) => `${name}: ${why}`)],
      [done, done === 'undone' ? ['newcomer: new, and starting'] : []],
    );
  }
  assert.equal(linked(place, 'current'), '1.2.0-off');
});

test('back by hand and forth again: the links change places, and the store is touched only when it must be', async (t) => {
  const { folder, place, host, ask } = await house(t);
  await upgrade(host, makeRelease(folder, NEW));
  const back = await rollback(host);
  assert.deepEqual([back.done, back.version], ['rolled back', OLD]);
  assert.deepEqual([linked(place, 'current'), linked(place, 'previous')], [OLD, NEW]);
  assert.ok(!readdirSync(place.home.state).some((name) => name.startsWith('set-aside')));
  assert.equal((await rollback(host)).version, NEW);

  const newer = '1.2.0-cccccccc';
  await upgrade(host, makeRelease(folder, newer, { migrations: MOVE }));
  assert.deepEqual(ask('PRAGMA user_version'), [2]);
  await rollback(host, OLD);
  assert.deepEqual(ask('PRAGMA user_version'), [1]);
  assert.deepEqual(ask('SELECT text FROM note'), ['kept']);
});

/** As if the last were of another hour. */
function forget(place: Place): void {
  const last = lastAnswer(place);
  writeFileSync(answerOf(place), JSON.stringify({ ...last, began_at: 0 }));
}

test('a rollback that is asked for by a file is done once, and told with its time', async (t) => {
  const { folder, place, host, ask } = await house(t);
  await upgrade(host, makeRelease(folder, NEW));
  assert.equal(await answerAsked(host), null, 'nothing is asked for');
  askForRollback(place.home, place, OLD);
  const answered = await answerAsked(host);
  assert.deepEqual(
    { ...answered, began_at: 0, took_ms: 0 },
    { from: NEW, to: OLD, began_at: 0, took_ms: 0, said: `${OLD} runs`, well: true },
  );
  assert.ok((answered?.took_ms ?? 0) > 0);
  assert.deepEqual(lastAnswer(place), answered);
  assert.deepEqual(ask('SELECT DISTINCT version FROM heartbeat'), [OLD]);
  assert.deepEqual(askedIn(place.home), []);
  assert.equal(await answerAsked(host), null);
});

test('nobody keeps the house going to and fro: one that follows at once is left out', async (t) => {
  const { folder, place, host, said } = await house(t);
  await upgrade(host, makeRelease(folder, NEW));
  askForRollback(place.home, place, OLD);
  await answerAsked(host);
  askForRollback(place.home, place, NEW);
  assert.equal(await answerAsked(host), null);
  assert.equal(linked(place, 'current'), OLD);
  assert.match(said.join('\n'), /this one is left out/);
  forget(place);
  askForRollback(place.home, place, NEW);
  await answerAsked(host);
  assert.equal(linked(place, 'current'), NEW);
});

test('of a request the name alone is read, and only a release that is here can be meant', async (t) => {
  const { folder, place, host } = await house(t);
  await upgrade(host, makeRelease(folder, NEW));
  const { rollbacks } = place.home;
  mkdirSync(join(rollbacks, `${OLD}.d`, 'full'), { recursive: true });
  const diary = join(folder, 'diary');
  writeFileSync(diary, 'hers');
  symlinkSync(diary, join(rollbacks, OLD));
  for (const name of ['9.9.9', 'current', '..x', `${OLD}.tmp`, `${OLD};reboot`])
    writeFileSync(join(rollbacks, name), OLD);
  assert.equal(await answerAsked(host), null);
  assert.equal(linked(place, 'current'), NEW);
  assert.equal(readFileSync(diary, 'utf8'), 'hers');
  assert.deepEqual(readdirSync(rollbacks), [`${OLD}.d`], 'somebody’s own folder stays, and asks nothing');
});

test('a rollback that is refused, or hurts, is told so', async (t) => {
  const { folder, place, host } = await house(t);
  await upgrade(host, makeRelease(folder, NEW));
  const unit = join(place.prefix, 'releases', OLD, 'systemd', 'vigil-rollback.service');
  rmSync(unit);
  askForRollback(place.home, place, OLD);
  const refused = await answerAsked(host);
  assert.equal(refused?.well, false);
  assert.match(refused?.said ?? '', /does not know this way[\s\S]+vigil rollback 1\.0\.0-aaaaaaaa/);
  assert.equal(linked(place, 'current'), NEW);

  forget(place);
  writeFileSync(unit, '');
  const program = join(place.prefix, 'releases', OLD, 'package.json');
  writeFileSync(program, JSON.stringify({ version: OLD, broken: ['tools'] }));
  askForRollback(place.home, place, OLD);
  const hurt = await answerAsked(host);
  assert.equal(hurt?.well, false);
  assert.match(hurt?.said ?? '', /^1\.0\.0-aaaaaaaa runs; tools is not ready: /);
});

test('a store that is more than an hour old is put back only when that is said', async (t) => {
  const { folder, place, host } = await house(t);
  await upgrade(host, makeRelease(folder, NEW, { migrations: MOVE }));
  const backups = join(place.prefix, 'snapshots');
  assert.equal(statSync(backups).mode & 0o077, 0);
  const [name = ''] = readdirSync(backups);
  const old = name.replace(/\d{8}T\d{6}Z/, '20260101T000000Z');
  cpSync(join(backups, name), join(backups, old));
  rmSync(join(backups, name));
  await assert.rejects(rollback(host), /the last one that it could is of 2026-01-01T00:00:00/);
  assert.equal(linked(place, 'current'), NEW);
  assert.equal((await rollback(host, undefined, true)).version, OLD);
});

test('of the stores kept, three stay of each kind, and those of the last day', async (t) => {
  const { folder, place, host } = await house(t);
  const { state } = place.home;
  const snapshots = join(place.prefix, 'snapshots');
  mkdirSync(snapshots);
  for (const [within, name] of [
    [snapshots, 'upgrade-2026010_T000000Z-1.0.0-schema1.db'],
    [state, 'set-aside-2026010_T000000Z-1.0.0.db'],
  ] as const) {
    for (const day of [1, 2, 3, 4]) {
      const file = join(within, name.replace('_', String(day)));
      cpSync(join(state, 'vigil.db'), file);
      writeFileSync(`${file}-wal`, '');
    }
  }
  await upgrade(host, makeRelease(folder, NEW));
  const left = keptStores(place).map(({ kind, at }) => `${kind} ${new Date(at).toISOString().slice(8, 10)}`);
  const today = new Date().toISOString().slice(8, 10);
  assert.deepEqual(left.sort(), [
    'set-aside 02',
    'set-aside 03',
    'set-aside 04',
    'upgrade 03',
    'upgrade 04',
    `upgrade ${today}`,
  ]);
  assert.equal(existsSync(join(state, 'set-aside-20260101T000000Z-1.0.0.db-wal')), false);
});

test('what is refused changes nothing', async (t) => {
  const { folder, place, host, calls } = await house(t);
  const half = makeRelease(folder, '1.1.0-half');
  rmSync(join(half, 'migrate.cjs'));
  const changed = makeRelease(folder, '1.1.0-changed');
  appendFileSync(join(changed, 'vigil.js'), '//');
  const more = makeRelease(folder, '1.1.0-more');
  writeFileSync(join(more, 'strange.js'), '');
  const config = makeRelease(folder, '1.1.0-config', {
    program: `console.error('[core] colour: unknown key'); process.exit(78)`,
  });
  const loses = makeRelease(folder, '1.1.0-loses', { migrations: ['DELETE FROM note;'] });
  const torn = join(folder, 'vigil-1.1.0-torn-linux-x64.tar.gz');
  writeFileSync(torn, 'not gzip');
  const cases: [string, RegExp][] = [
    [half, /migrate\.cjs is missing/],
    [changed, /vigil\.js is not the file that was released/],
    [more, /strange\.js does not belong to it/],
    [config, /refuses 'vigil config': \[core\] colour: unknown key/],
    [loses, /table note has 0 rows of 1/],
    [torn, /cannot be unpacked/],
    [join(folder, 'nothing'), /there is no/],
  ];
  for (const [source, words] of cases) {
    await assert.rejects(upgrade(host, source), (error) => {
      assert.ok(error instanceof Misconfigured, String(error));
      assert.match(error.message, words);
      return true;
    });
    assert.equal(unfinished(place), null);
    assert.deepEqual(readdirSync(join(place.prefix, 'releases')), [OLD]);
    assert.deepEqual(calls, []);
  }
  // An older release than the store's.
  await upgrade(host, makeRelease(folder, NEW, { migrations: MOVE }));
  await assert.rejects(
    upgrade(host, makeRelease(folder, '1.0.1-dddddddd')),
    /speaks schema 1, the store has 2/,
  );
  assert.equal(linked(place, 'current'), NEW);
});

test('killed at any step, the next upgrade ends it and the next rollback takes it back', {
  timeout: 120_000,
}, async (t) => {
  const KILLS = 4;
  const ends = new Set<string | undefined>();
  /** Whether there was anything left to be killed at. */
  async function killedAt(at: number): Promise<boolean> {
    const { folder, place, host, ask } = await house(t);
    const source = makeRelease(folder, NEW, { migrations: MOVE });
    const child = spawn(process.execPath, [import.meta.filename], {
      env: {
        ...process.env,
        KILL_AT: String(at),
        PREFIX: place.prefix,
        SOURCE: source,
        NODE_TEST_CONTEXT: '',
      },
      stdio: 'inherit',
    });
    const [code, signal] = await once(child, 'exit');
    if (signal === null) {
      assert.equal(code, 0);
      return false;
    }
    const step = unfinished(place)?.step;
    ends.add(step);
    const asked = at % 2 === 0 ? 'upgrade' : 'rollback';
    const outcome = await (asked === 'upgrade' ? upgrade(host, source) : rollback(host));
    const name = `killed at ${at} (${step}), then ${asked}`;
    assert.equal(outcome.version, asked === 'upgrade' ? NEW : OLD, name);
    assert.equal(linked(place, 'current'), outcome.version, name);
    assert.equal(unfinished(place), null, name);
    assert.deepEqual(ask('PRAGMA user_version'), [asked === 'upgrade' ? 2 : 1], name);
    assert.deepEqual(ask('SELECT text FROM note'), ['kept'], name);
    assert.deepEqual(ask('SELECT DISTINCT version FROM heartbeat'), [outcome.version], name);
    assert.deepEqual(ask('SELECT count(*) FROM heartbeat'), [3], name);
    const left = readdirSync(join(place.prefix, 'releases')).filter((name) => /tmp|gone/.test(name));
    assert.deepEqual(left, [], name);
    return true;
  }
  for (let at = 1, more = true; more; at += KILLS) {
    const batch = Array.from({ length: KILLS }, (_, i) => killedAt(at + i));
    more = (await Promise.all(batch)).every((killed) => killed);
  }
  assert.deepEqual([...ends].sort(), ['preparing', 'stopping', 'switching']);
});

test('three releases stay, and those that are linked are among them', async (t) => {
  const { folder, place, host } = await house(t);
  for (const n of [1, 2, 3, 4]) await upgrade(host, makeRelease(folder, `1.${n}.0-eeeeeeee`));
  assert.deepEqual(
    releasesOf(place).map(({ version }) => version),
    ['1.4.0-eeeeeeee', '1.3.0-eeeeeeee', '1.2.0-eeeeeeee'],
  );
});

test('what was interrupted before the switch is undone, and after it goes where it is asked to', () => {
  const of = (step: 'preparing' | 'stopping' | 'switching', verb: 'upgrade' | 'rollback') =>
    (['upgrade', 'rollback'] as const).map((asked) => resumption({ step, verb }, asked));
  assert.deepEqual(of('preparing', 'upgrade'), ['it is undone', 'it is undone']);
  assert.deepEqual(of('stopping', 'upgrade'), ['it is undone', 'it is undone']);
  assert.deepEqual(of('switching', 'upgrade'), ['it goes on', 'it goes back']);
  assert.deepEqual(of('switching', 'rollback'), ['it goes on', 'it goes on']);
});

test('a migration loses nothing when no table has fewer rows than before', () => {
  const of = (rows: { [table: string]: number }, integrity = 'ok') => ({ schema: 1, integrity, rows });
  assert.deepEqual(losses(of({ a: 1, b: 0 }), of({ a: 1, b: 2, c: 0 })), []);
  assert.deepEqual(losses(of({ a: 2, b: 0 }), of({ a: 1 })), ['table a has 1 rows of 2', 'table b is gone']);
  assert.deepEqual(losses(of({}), of({}, 'page 3 is never used')), ['SQLite finds page 3 is never used']);
});
