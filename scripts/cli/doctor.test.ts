/** Each check of the doctor both ways: what is in order, and what is not, with the cure that it names. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Misconfigured } from '#shared/base/errors.ts';
import { root } from '#shared/base/root.ts';
import { services as all, type ServiceName } from '#shared/manifest.ts';
import { halt } from '#shared/runtime/halt.ts';
import { type Home, homeOf, prepareHome } from '#shared/runtime/home.ts';
import { FILE, openStore } from '#shared/store/store.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as incident from '#shared/tables/incident.ts';
import * as message from '#shared/tables/message.ts';
import type { Op } from '#shared/tables/op.ts';
import * as passage_cursor from '#shared/tables/passage_cursor.ts';
import { startBotApi } from '#shared/testing/bot-api.ts';
import { vigil } from '#shared/testing/cli.ts';
import { KEY, TOKEN } from '#shared/testing/house.ts';
import { startMessagesApi } from '#shared/testing/messages-api.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { placeOf } from '../host/place.ts';
import type { Check, Facts, Finding } from './doctor/check.ts';
import * as config from './doctor/config.ts';
import * as credentials from './doctor/credentials.ts';
import * as disk from './doctor/disk.ts';
import { memory } from './doctor/memory.ts';
import * as network from './doctor/network.ts';
import { night } from './doctor/night.ts';
import { sandbox } from './doctor/sandbox.ts';
import * as services from './doctor/services.ts';
import * as supervision from './doctor/supervision.ts';
import { examine } from './doctor.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');

/** A home of its own; `told` answers the programs of the machine, by their last words. */
function facts(t: TestContext, more: Partial<Facts> = {}, told: Record<string, string> = {}): Facts {
  const home = homeOf({ VIGIL_HOME: join(scratch(t), 'home') });
  prepareHome(home);
  return {
    home,
    place: null,
    version: '1.0.0-aaaaaaaa',
    now: NOW,
    store: null,
    storeFault: null,
    run: async (program, ...args) => {
      const found = Object.entries(told).find(([words]) => `${program} ${args.join(' ')}`.includes(words));
      return found ? { code: 0, text: found[1] } : null;
    },
    cgroups: join(home.directory, 'cgroup'),
    ...more,
  };
}

const secret = (home: Home, name: string, text: string) =>
  writeFileSync(join(home.credentials, `${name}.env`), text, { mode: 0o600 });

async function found(check: Check, given: Facts, state: Finding['state'], what: RegExp, cure?: RegExp) {
  const finding = await examine(check, given);
  assert.equal(finding.state, state, finding.what);
  assert.match(finding.what, what);
  if (cure) assert.match(finding.cure ?? '', cure);
}

async function opened(t: TestContext, home: Home, principal: ServiceName | 'cli' = 'cli') {
  const store = await openStore({ directory: home.state, principal, flush: 'normal' });
  t.after(() => store.close());
  return store;
}

async function beat(
  t: TestContext,
  home: Home,
  service: ServiceName,
  more: Partial<heartbeat.Heartbeat> = {},
) {
  const store = await opened(t, home, service);
  const row: heartbeat.Heartbeat = {
    ...{ service, worker: 0, pid: 1, instance: 'i', boot_id: 'b', version: '1.0.0-aaaaaaaa', doing: '' },
    ...{ since_at: NOW, progressed_at: NOW, beat_at: NOW, rss_bytes: 1, loop_delay_ms: 0, problem: null },
    phase: 'ready',
    ...more,
  };
  await store.commit([heartbeat.beat(row)]);
}

test('config: a word that it does not know', async (t) => {
  const given = facts(t);
  await found(config.config, given, 'fine', /understood/);
  writeFileSync(given.home.config, '[budget]\nday_us = 3\n');
  await found(config.config, given, 'fault', /day_us/, /config\.example/);
});

test('time zone: set, or what the machine says', async (t) => {
  const given = facts(t);
  await found(config.timeZone, given, 'warning', /none is set/, /\[owner\] time_zone = "/);
  writeFileSync(given.home.config, '[owner]\ntime_zone = "Europe/Berlin"\n');
  await found(config.timeZone, given, 'fine', /Europe\/Berlin, quiet 22:00-07:30/);
});

test('prices: 90 days old, and 91', async (t) => {
  const day = 86_400_000;
  const since = Date.parse((await import('#shared/base/models.ts')).PRICE_REV);
  await found(config.prices, facts(t, { now: since + 90 * day }), 'fine', /as of/);
  await found(config.prices, facts(t, { now: since + 91 * day }), 'warning', /91 days old/, /router\.prices/);
});

test('permissions: a secret, a folder, the state, each open to others', async (t) => {
  const given = facts(t);
  const { home } = given;
  secret(home, 'telegram', 'A=b\n');
  mkdirSync(join(home.credentials, 'mcp'), { recursive: true, mode: 0o700 });
  await found(credentials.permissions, given, 'fine', /^3 files and folders/);
  for (const [path, open, closed] of [
    [join(home.credentials, 'telegram.env'), 0o640, 0o600],
    [join(home.credentials, 'mcp'), 0o705, 0o700],
    [home.state, 0o750, 0o700],
  ] as const) {
    chmodSync(path, open);
    await found(
      credentials.permissions,
      given,
      'fault',
      RegExp(`open to others: ${path}$`),
      RegExp(`chmod go-rwx ${path}`),
    );
    chmodSync(path, closed);
  }
  // The machine's installation shares its state with its group.
  const place = placeOf('system');
  chmodSync(home.state, 0o2770);
  await found(credentials.permissions, { ...given, place }, 'fine', /closed/);
  chmodSync(home.state, 0o2775);
  await found(credentials.permissions, { ...given, place }, 'fault', /open/, /chmod o-rwx/);
});

test('bot token: none, no copy, another one, the same', async (t) => {
  const given = facts(t);
  await found(credentials.tokens, given, 'warning', /there is none/, /setup --again bot/);
  secret(given.home, 'telegram', `TELEGRAM_BOT_TOKEN=${TOKEN}\n`);
  await found(credentials.tokens, given, 'fault', /no copy/);
  secret(given.home, 'watchdog', 'TELEGRAM_BOT_TOKEN=1:another\n');
  await found(credentials.tokens, given, 'fault', /another one/);
  secret(given.home, 'watchdog', `TELEGRAM_BOT_TOKEN=${TOKEN}\n`);
  await found(credentials.tokens, given, 'fine', /the same/);
});

test('second alarm: none, ntfy, webhook', async (t) => {
  const given = facts(t);
  await found(credentials.secondRoute, given, 'warning', /none/, /--again settings/);
  secret(given.home, 'watchdog', 'ALARM_NTFY_URL=https://ntfy.sh/x\n');
  await found(credentials.secondRoute, given, 'fine', /^ntfy$/);
  secret(given.home, 'watchdog', 'ALARM_WEBHOOK_URL=https://example.com\n');
  await found(credentials.secondRoute, given, 'fine', /^webhook$/);
});

test('a secret that others may read is no secret, and one that we may not read is left to root', async (t) => {
  const given = facts(t);
  secret(given.home, 'watchdog', 'ALARM_NTFY_URL=https://ntfy.sh/x\n');
  chmodSync(join(given.home.credentials, 'watchdog.env'), 0o644);
  await found(credentials.secondRoute, given, 'fault', /open to others/, /chmod 600/);
  const shut = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
  const checks: [Error, Finding['state']][] = [
    [shut, 'unseen'],
    [new Misconfigured('credentials: x cannot be read', 'chmod 600 x', { cause: shut }), 'unseen'],
    [new Misconfigured('credentials: x', 'chmod 600 x'), 'fault'],
  ];
  for (const [error, state] of checks) {
    const check = {
      name: 'x',
      run(): Finding {
        throw error;
      },
    };
    assert.equal((await examine(check, given, false)).state, state);
  }
});

test('disk: 2 GB are enough, less is tight, below 0.3 GB is a fault', async (t) => {
  assert.match((await disk.disk.run(facts(t))).what, /GB free at/);
  for (const [free, state] of [
    [2e9, 'fine'],
    [2e9 - 1, 'warning'],
    [3e8, 'warning'],
    [3e8 - 1, 'fault'],
  ] as const)
    assert.equal(disk.room(free, 'x').state, state);
});

test('memory: ten minutes without an index are many, and what was proposed waits for a word', async (t) => {
  const given = facts(t);
  await found(memory, given, 'unseen', /cannot be read/);
  const store = await opened(t, given.home);
  const looking = { ...given, store };
  await found(memory, looking, 'fine', /^0 in force, nothing was gone over yet$/);
  const said = (at: number) => message.said({ conversation: 'terminal:main', text: 'hi', at, turn_id: 't' });
  const core = await opened(t, given.home, 'core');
  await core.commit([said(NOW - 600_000)]);
  await found(memory, looking, 'fine', /nothing was/);
  await core.commit([said(NOW - 600_001)]);
  await found(memory, looking, 'warning', /^1 messages .* for 10 min/, /start Vigil/);
  await beat(t, given.home, 'memory');
  await found(memory, looking, 'warning', /cannot be searched/, /vigil restart memory/);

  const service = await opened(t, given.home, 'memory');
  await service.commit([passage_cursor.move({ made_by: '', upto_id: 2 }, [1, 2])]);
  const kept = (status: string, trust: number): Op => ({
    verb: 'test',
    sql: `INSERT INTO memory (uid, scope, kind, text, hash, status, origin, trust, recorded_at)
          VALUES (?, 'owner', 'fact', ?, ?, ?, 'rule', ?, 1)`,
    args: [status, status, status, status, trust],
  });
  await service.commit([kept('active', 3), kept('quarantined', 0)]);
  await found(memory, looking, 'fine', /^1 in force, 1 held back/);
  await service.commit([kept('proposed', 3)]);
  await found(memory, looking, 'warning', /^1 wait for your word; 1 in force/, /confirm or reject/);
});

test('workspace: what lies in it is counted; more than 10 GB is much', async (t) => {
  const given = facts(t);
  mkdirSync(join(given.home.workspace, 'deep'));
  writeFileSync(join(given.home.workspace, 'deep', 'big'), Buffer.alloc(60_000_000));
  await found(disk.workspace, given, 'fine', /^0\.1 GB/);
  assert.equal(disk.size(10e9, 'x').state, 'fine');
  assert.equal(disk.size(10e9 + 1, 'x').state, 'warning');
});

test('backup: none, three hours old, older', async (t) => {
  const given = facts(t);
  const place = placeOf('user', scratch(t));
  await found(disk.backup, given, 'warning', /none yet/, /vigil backup now/);
  await found(disk.backup, { ...given, place }, 'fault', /none yet/);
  writeFileSync(join(given.home.state, 'vigil.db'), '');
  const made = statSync(join(given.home.state, 'vigil.db')).birthtimeMs;
  await found(disk.backup, { ...given, place, now: made + 7_200_000 }, 'fine', /not yet/);
  await found(disk.backup, { ...given, place, now: made + 7_200_001 }, 'fault', /none yet/);
  const folder = join(given.home.state, 'backups');
  mkdirSync(join(folder, '2026-11-22T090000.000Z'), { recursive: true });
  mkdirSync(join(folder, '2026-11-22T115900.000Z.part'));
  await found(disk.backup, given, 'fine', /3 h old, of 1/);
  await found(disk.backup, { ...given, now: NOW + 1, place }, 'fault', /3 h old/);
});

test('store: none, damaged, in order', async (t) => {
  const given = facts(t);
  await found(services.store, given, 'warning', /none yet/);
  await found(
    services.store,
    { ...given, storeFault: new Misconfigured('store: damaged', 'restore it') },
    'fault',
    /damaged/,
    /^restore it$/,
  );
  await found(services.store, { ...given, store: await opened(t, given.home) }, 'fine', /opens/);
});

test('switches: halted, off, neither', async (t) => {
  const given = facts(t);
  await found(services.switches, given, 'fine', /neither/);
  halt(given.home.halted, 'by somebody');
  await found(services.switches, given, 'warning', /by somebody/, /vigil resume/);
  writeFileSync(given.home.stopped, '');
  await found(services.switches, given, 'warning', /switched off/, /vigil on/);
});

test('services: nobody runs, all beat, one is late, one waits for its owner', async (t) => {
  const bare = facts(t);
  await found(services.services, bare, 'unseen', /cannot be read/);
  const given = { ...bare, store: await opened(t, bare.home) };
  await found(services.services, given, 'warning', /none of them runs/, /scripts\/start/);
  await found(
    services.services,
    { ...given, place: placeOf('user', scratch(t)) },
    'fault',
    /none of them runs/,
    /vigil restart/,
  );
  for (const { name, needs } of all) if (!needs) await beat(t, given.home, name);
  await found(
    services.services,
    given,
    'fine',
    new RegExp(`^${all.filter(({ needs }) => !needs).length} beat$`),
  );
  await beat(t, given.home, 'core', { beat_at: NOW - 31_000 });
  await found(services.services, given, 'fault', /^core has not beaten for 31 s$/);
  await beat(t, given.home, 'core', { phase: 'misconfigured', problem: 'no key' });
  await found(services.services, given, 'fault', /^core waits for you: no key$/);
});

test('versions: all the release’s, and one left behind', async (t) => {
  const bare = facts(t);
  const given = { ...bare, store: await opened(t, bare.home) };
  await found(services.versions, given, 'unseen', /nothing runs/);
  await beat(t, given.home, 'core');
  await found(services.versions, given, 'fine', /^1\.0\.0-aaaaaaaa$/);
  await beat(t, given.home, 'router', { version: '0.9.0-bbbbbbbb' });
  await found(
    services.versions,
    given,
    'fault',
    /expected 1\.0\.0-aaaaaaaa, but router runs 0\.9\.0/,
    /restart/,
  );
});

test('bot’s reader: alone, and not alone', async (t) => {
  const bare = facts(t);
  const given = { ...bare, store: await opened(t, bare.home) };
  await found(services.poller, given, 'unseen', /does not run/);
  await beat(t, given.home, 'telegram');
  await found(services.poller, given, 'fine', /nobody else/);
  await beat(t, given.home, 'telegram', {
    problem: 'Telegram: 409 Conflict: terminated by other getUpdates request',
  });
  await found(services.poller, given, 'fault', /another program/, /another computer/);
});

test('incidents: none, one to know of, one that is critical', async (t) => {
  const bare = facts(t);
  const given = { ...bare, store: await opened(t, bare.home) };
  await found(services.incidents, given, 'fine', /none/);
  const router = await opened(t, given.home, 'router');
  const told = { service: 'router', now: NOW } as const;
  await router.commit([incident.open({ ...told, cause: 'a', severity: 'warning', text: '80 % of the day' })]);
  await found(services.incidents, given, 'warning', /80 % of the day/);
  await router.commit([incident.open({ ...told, cause: 'b', severity: 'critical', text: 'all is lost' })]);
  await found(services.incidents, given, 'fault', /all is lost/);
});

test('Telegram and the models: taken, refused, out of reach', async (t) => {
  const bot = await startBotApi({ token: TOKEN });
  const model = await startMessagesApi({ key: KEY });
  const given = facts(t);
  const { home } = given;
  await found(network.telegram, given, 'unseen', /no bot/);
  await found(network.provider, given, 'warning', /rehearsal/, /--again key/);
  secret(home, 'telegram', `TELEGRAM_BOT_TOKEN=${TOKEN}\nTELEGRAM_API_ROOT=${bot.root}\n`);
  secret(home, 'anthropic', `ANTHROPIC_API_KEY=${KEY}\nANTHROPIC_BASE_URL=${model.root}\n`);
  await found(network.telegram, given, 'fine', /@test_bot/);
  await found(network.provider, given, 'fine', /takes the key/);
  secret(home, 'telegram', `TELEGRAM_BOT_TOKEN=7000001:wrong\nTELEGRAM_API_ROOT=${bot.root}\n`);
  secret(home, 'anthropic', `ANTHROPIC_API_KEY=sk-wrong\nANTHROPIC_BASE_URL=${model.root}\n`);
  await found(network.telegram, given, 'fault', /401 Unauthorized/, /BotFather/);
  await found(network.provider, given, 'fault', /401/, /console\.anthropic/);
  await Promise.all([bot.close(), model.close()]);
  await found(network.telegram, given, 'fault', /^127\.0\.0\.1:\d+ cannot be reached/, /network/);
  await found(network.provider, given, 'fault', /cannot be reached/);
  assert.doesNotMatch((await examine(network.telegram, given)).what, /wrong/, 'no token in the words');
});

/** A server whose clock is that much off. */
async function wrongClock(t: TestContext, off_ms: number, status = 200): Promise<string> {
  const server = createServer((_, response) => {
    response
      .writeHead(status, { date: new Date(Date.now() + off_ms).toUTCString(), connection: 'close' })
      .end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('alarm route: there, and in trouble', async (t) => {
  const given = facts(t);
  await found(network.alarm, given, 'unseen', /no second/);
  secret(given.home, 'watchdog', `ALARM_NTFY_URL=${await wrongClock(t, 0)}/topic\n`);
  await found(network.alarm, given, 'fine', /within reach/);
  secret(given.home, 'watchdog', `ALARM_NTFY_URL=${await wrongClock(t, 0, 503)}/topic\n`);
  await found(network.alarm, given, 'fault', /503/);
});

test('clock: synchronised, not, and wrong by others’ clocks', async (t) => {
  const at = async (off_ms: number, told?: Record<string, string>) => {
    const given = facts(t, {}, told);
    secret(given.home, 'telegram', `TELEGRAM_API_ROOT=${await wrongClock(t, off_ms)}\n`);
    return given;
  };
  await found(network.clock, await at(0, { timedatectl: 'yes' }), 'fine', /to the minute/);
  await found(network.clock, await at(0, { timedatectl: 'no' }), 'warning', /not synchronised/, /set-ntp/);
  await found(network.clock, await at(58_000), 'fine', /minute/);
  await found(network.clock, await at(62_000), 'fault', /6[12] s behind/);
  await found(network.clock, await at(-62_000), 'fault', /6[23] s ahead/);
});

test('sandbox: run here, or as the service says', async (t) => {
  const bare = facts(t);
  const works = spawnSync('bwrap', ['--unshare-user', '--ro-bind', '/', '/', 'true']).status === 0;
  const here = await examine(sandbox, bare);
  assert.equal(here.state, works ? 'fine' : 'fault', here.what);
  assert.equal(here.cure === undefined, works);
  const given = { ...bare, store: await opened(t, bare.home) };
  await beat(t, given.home, 'tools');
  await found(sandbox, given, 'fine', /the service tools/);
  const problem =
    'commands are off: the sandbox does not start (bwrap: not found): commands are off; cure: install bubblewrap and socat';
  await beat(t, given.home, 'tools', { problem });
  await found(sandbox, given, 'fault', /bwrap: not found/, /bubblewrap/);
});

/** An installation of a user, with one release. */
function installed(t: TestContext, told: Record<string, string>): Facts {
  const place = placeOf('user', scratch(t));
  const release = join(place.prefix, 'releases', '1.0.0-aaaaaaaa');
  mkdirSync(join(release, 'systemd', 'user'), { recursive: true });
  mkdirSync(place.units, { recursive: true });
  writeFileSync(join(release, 'systemd', 'user', 'vigil-core.service'), '[Service]\n');
  writeFileSync(join(place.units, 'vigil-core.service'), '[Service]\n');
  symlinkSync('releases/1.0.0-aaaaaaaa', join(place.prefix, 'current'));
  return facts(t, { place }, told);
}

test('units: as in the release and enabled, changed, not started with the machine', async (t) => {
  await found(supervision.units, facts(t), 'unseen', /not installed/);
  const given = installed(t, { 'is-enabled': 'enabled' });
  await found(supervision.units, given, 'fine', /started with the machine/);
  const off = installed(t, { 'is-enabled': 'disabled' });
  await found(supervision.units, off, 'fault', /nothing starts/, /systemctl --user enable/);
  writeFileSync(join(given.place?.units ?? '', 'vigil-core.service'), '[Service]\nUser=root\n');
  await found(supervision.units, given, 'fault', /vigil-core\.service/, /vigil install/);
});

test('linger: needed by a user’s installation alone', async (t) => {
  await found(supervision.linger, facts(t), 'fine', /not needed/);
  await found(supervision.linger, installed(t, { Linger: 'yes' }), 'fine', /without a login/);
  await found(supervision.linger, installed(t, { Linger: 'no' }), 'fault', /log out/, /enable-linger/);
});

test('memory limits: as the kernel holds them', async (t) => {
  const given = installed(t, {
    'vigil-core.service --property': `ControlGroup=/vigil/core\nMemoryMax=${512 * 2 ** 20}`,
    ControlGroup: 'ControlGroup=\nMemoryMax=infinity',
  });
  const group = join(given.cgroups, 'vigil', 'core');
  await found(supervision.limits, given, 'warning', /core/, /unified_cgroup/);
  mkdirSync(group, { recursive: true });
  const set = (file: string, value: string) => writeFileSync(join(group, file), `${value}\n`);
  set('memory.max', String(512 * 2 ** 20));
  set('memory.swap.max', '0');
  await found(supervision.limits, given, 'fine', /^1 are held/);
  set('memory.swap.max', 'max');
  await found(supervision.limits, given, 'warning', /core/);
  set('memory.swap.max', '0');
  set('memory.max', 'max');
  await found(supervision.limits, given, 'warning', /core/);
});

test('a Mac: set for the night, or not; and what is no Mac', async (t) => {
  await found(night, facts(t), 'unseen', /no Mac/);
  const told = { fdesetup: 'FileVault is Off.', autoLoginUser: 'owner', 'print-disabled': '{}' };
  await found(night, facts(t, {}, { ...told, pmset: ' sleep 0\n autorestart 1\n' }), 'fine', /awake/);
  await found(
    night,
    facts(t, {}, { ...told, pmset: ' sleep 1\n' }),
    'warning',
    /falls asleep/,
    /pmset -a sleep 0/,
  );
});

test('a checkout’s command leaves the work to the installation that there is, but for a home of its own', (t) => {
  const place = placeOf(process.platform === 'darwin' ? 'mac' : 'user', scratch(t));
  const user = dirname(place.prefix);
  const installed = join(place.prefix, 'current', 'bin', 'vigil');
  mkdirSync(dirname(installed), { recursive: true });
  writeFileSync(installed, '#!/bin/sh\necho "installed: $*"; exit 7\n', { mode: 0o755 });
  const program = join(root, 'scripts', 'vigil.ts');
  const { VIGIL_HOME: _, ...env } = process.env;
  const run = (more: NodeJS.ProcessEnv) =>
    spawnSync(process.execPath, [program, 'doctor', '--json'], {
      env: { ...env, HOME: user, ...more },
      encoding: 'utf8',
    });
  const { stdout, status } = run({});
  assert.deepEqual([stdout, status], ['installed: doctor --json\n', 7]);
  assert.match(run({ VIGIL_HOME: join(user, 'own') }).stdout, /^\[\{"name":"config"/);
});

test('vigil doctor on a home that was set up: a table, 0 without faults, 1 with one, also when the store is broken', async (t) => {
  const { home } = facts(t);
  const good = await vigil(home, ['doctor']);
  assert.equal(good.stderr, '');
  assert.equal(good.code, 0, good.stdout);
  assert.match(good.stdout, /^✓ config +every setting/m);
  assert.match(good.stdout, /^! second alarm +none.*\n +cure: /m);
  writeFileSync(join(home.state, FILE), 'this is no database'.repeat(100));
  const broken = await vigil(home, ['doctor', '--json']);
  assert.equal(broken.code, 1);
  const rows: { name: string; state: string; cure?: string }[] = JSON.parse(broken.stdout);
  assert.equal(rows.find(({ name }) => name === 'store')?.state, 'fault');
  assert.equal(rows.find(({ name }) => name === 'services')?.state, 'unseen');
  assert.equal(rows.find(({ name }) => name === 'config')?.state, 'fine');
  for (const { state, cure } of rows) if (state === 'fault' || state === 'warning') assert.ok(cure);
});
