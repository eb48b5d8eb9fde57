import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { root } from '#shared/base/root.ts';
import type { ServiceName } from '#shared/manifest.ts';
import { prepareHome } from '#shared/runtime/home.ts';
import { FILE } from '#shared/store/store.ts';
import { startAlarmRoutes } from '#shared/testing/alarm-routes.ts';
import { freeze } from '#shared/testing/freeze.ts';
import { alive, buildHouse, type House, OWNER, TOKEN } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

/** As quick as heartbeats of 5 s allow. */
const QUICK = `[watchdog]
look_s = 0.3
stale_s = 7
grace_s = 0.5
calm_s = 1
untold_s = 3
canary_s = 0
`;

async function houseOf(t: TestContext, config = QUICK) {
  const house = await buildHouse({ config });
  t.after(() => {
    thaw();
    return house.close();
  });
  const routes = await startAlarmRoutes({ token: 'tk_secret' });
  t.after(() => routes.close());
  const lines = [
    `TELEGRAM_BOT_TOKEN=${TOKEN}`,
    `TELEGRAM_API_ROOT=${house.bot.root}`,
    `ALARM_NTFY_URL=${routes.ntfy('vigil-alarms')}`,
    'ALARM_NTFY_TOKEN=tk_secret',
    `ALARM_WEBHOOK_URL=${routes.webhook}`,
  ];
  // A bot may write to nobody who has not written to it.
  await house.bot.say({ chat_id: OWNER, text: '/help' });
  writeFileSync(join(house.home.credentials, 'watchdog.env'), lines.join('\n'), { mode: 0o600 });
  return { house, routes };
}

/** What the owner has been told by the bot, that matches. */
async function heard(house: House, what: RegExp): Promise<string[]> {
  const sent = await house.bot.sent({ chat_id: OWNER, method: 'sendMessage' });
  return sent.map(({ text }) => String(text)).filter((text) => what.test(text));
}

const incidents = (house: House) =>
  house.read<{ cause: string; closed_at: number | null; text: string }>('SELECT * FROM incident ORDER BY id');

const frozen: number[] = [];

/** Until the test's end at the latest. */
async function hang(house: House, name: ServiceName): Promise<number> {
  const pid = await house.pidOf(name);
  freeze(join(house.home.state, FILE), pid);
  frozen.push(pid);
  return pid;
}

function thaw(): void {
  for (const pid of frozen.splice(0)) if (alive(pid)) process.kill(pid, 'SIGCONT');
}

/** The watchdog as a process of its own, whatever the store is like. */
function watchdogAlone(t: TestContext, house: House) {
  prepareHome(house.home);
  const child = spawn(process.execPath, [join(root, 'services/watchdog/service.ts')], {
    env: { ...process.env, VIGIL_HOME: house.home.directory, VIGIL_CONSOLE: 'off' },
    stdio: 'inherit',
  });
  t.after(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'close');
  });
  return child;
}

test('a service that hangs is restarted, and the owner hears why, what was done, and that it is over', async (t) => {
  const { house, routes } = await houseOf(t);
  const suite = await house.start();
  const began = performance.now();
  const pid = await hang(house, 'core');
  await until('the owner is told', async () => (await heard(house, /core hangs/)).length > 0);
  const took_ms = performance.now() - began;
  assert.ok(took_ms < 20_000, `told after ${took_ms} ms`);
  const [words] = await heard(house, /core hangs/);
  assert.match(words ?? '', /I have asked for its restart/);
  const next = await until('core is another process', async () => {
    const now = await house.pidOf('core');
    return now !== pid && now;
  });
  assert.notEqual(next, pid);
  await until('it is over', async () => (await heard(house, /Over.*core hangs/)).length > 0);
  await until('the second route has heard of both', () => routes.notifications.length >= 2);
  assert.equal((await heard(house, /core hangs/)).length, 2, 'its begin once, its end once');
  assert.deepEqual(
    routes.notifications.map(({ topic, title, priority }) => [topic, title, priority]),
    [
      ['vigil-alarms', 'Vigil', 5],
      ['vigil-alarms', 'Vigil', 5],
    ],
  );
  assert.equal(routes.posts[0]?.cause, 'service core');
  assert.match(suite.output(), /core is restarted, as was asked for/);
});

test('when all are silent at once it is one incident, and nobody is restarted', async (t) => {
  const { house } = await houseOf(t, QUICK.replace('stale_s = 7', 'stale_s = 12'));
  const suite = await house.start();
  const names: ServiceName[] = [
    'router',
    'core',
    'tools',
    'telegram',
    'cron',
    'memory',
    'upstream',
    'metrics',
    'alerts',
    'console',
    'backup',
  ];
  for (const name of names) await hang(house, name);
  const found = await until('there is an incident', async () => {
    const all = await incidents(house);
    return all.length > 0 && all;
  });
  assert.deepEqual(
    found.map(({ cause }) => cause),
    ['everything'],
  );
  await until(
    'the owner hears of it past the bridge',
    async () => (await heard(house, /All services/)).length > 0,
  );
  assert.doesNotMatch(suite.output(), /is restarted/);
});

test('while the bridge is dead the owner is told directly, and when it returns it does not tell again', async (t) => {
  const { house, routes } = await houseOf(t);
  const core = await house.serve('core');
  await house.serve('cron');
  const bridge = await house.serve('telegram');
  await house.serve('watchdog');
  bridge.child.kill('SIGKILL');
  core.child.kill('SIGKILL');
  await until('it is told', async () => (await heard(house, /core is down: it died/)).length > 0);
  await until('by the second route too', () => routes.posts.length > 0);
  await house.serve('telegram');
  await until(
    'its rows are done with',
    async () =>
      (await house.read("SELECT 1 FROM outbound WHERE key LIKE 'telling:%' AND state <> 'sent'")).length ===
      0,
  );
  assert.equal((await heard(house, /⚠️.*core is down|• core is down/s)).length, 1);
  assert.ok(existsSync(join(house.home.restarts, 'core')), 'whoever supervises it is asked');
});

test('when the token is revoked, the second route tells', async (t) => {
  const { house, routes } = await houseOf(t);
  await house.start();
  await house.pidOf('telegram');
  await house.bot.revoke();
  await until('ntfy has it', () => routes.notifications.some(({ message }) => /telegram/.test(message)));
  const [telling] = await until('it is on record', async () => {
    const rows = await house.read<{ routes_json: string }>('SELECT * FROM telling WHERE told_at IS NOT NULL');
    return rows.length > 0 && rows;
  });
  assert.deepEqual(Object.keys(JSON.parse(telling?.routes_json ?? '{}')), ['ntfy', 'webhook']);
});

test('a store that cannot be opened keeps nobody from the alarm', async (t) => {
  const { house, routes } = await houseOf(t);
  mkdirSync(house.home.state, { recursive: true, mode: 0o700 });
  const file = join(house.home.state, FILE);
  writeFileSync(file, 'this is no database, but quite something else '.repeat(100));
  watchdogAlone(t, house);
  await until('the owner is told', async () => (await heard(house, /The store cannot be used/)).length > 0);
  await until('by the second route too', () => routes.notifications.length > 0);
  rmSync(file);
  await until(
    'it is over',
    async () => (await heard(house, /Over: The store/)).length > 0 || routes.posts.length > 1,
  );
  assert.equal((await heard(house, /⚠️ The store cannot/)).length, 1, 'once');
  const rows = await house.read<{ phase: string; routes_json: string }>(
    'SELECT * FROM telling ORDER BY posted_at',
  );
  const begun = rows.find(({ phase }) => phase === 'begun');
  assert.ok(
    'direct' in JSON.parse(begun?.routes_json ?? '{}'),
    'what was told without the store is in it afterwards',
  );
});

test('a store that somebody keeps locked is told, and its release too', async (t) => {
  const { house } = await houseOf(t);
  prepareHome(house.home);
  const locked = new Database(join(house.home.state, FILE));
  t.after(() => locked.close());
  locked.exec('BEGIN EXCLUSIVE; CREATE TABLE mine (x)');
  watchdogAlone(t, house);
  await until('the owner is told', async () => (await heard(house, /The store cannot be used/)).length > 0);
  locked.exec('ROLLBACK');
  await until('its end is told', async () => (await heard(house, /Over: The store/)).length > 0);
});

test('the canary comes back, and leaves no trace in what counts; one that does not is told', async (t) => {
  const { house } = await houseOf(t, QUICK.replace('canary_s = 0', 'canary_s = 0.5\ncanary_wait_s = 2'));
  await house.start();
  const answered = () =>
    house.read<{ text: string }>("SELECT text FROM outbound WHERE channel = 'canary' AND state = 'sent'");
  await until('two have come back', async () => (await answered()).length >= 2);
  for (const table of ['message', 'step', 'decision', 'call', 'total', 'spend', 'exchange', 'draft']) {
    assert.deepEqual(await house.read(`SELECT * FROM ${table}`), [], table);
  }
  assert.equal((await house.bot.sent({ chat_id: OWNER })).length, 1, 'nobody has heard a word but the help');
  assert.deepEqual(house.model.calls(), [], 'no model was asked');
  assert.deepEqual(await incidents(house), []);
  await hang(house, 'core');
  await until('it is told', async () => (await heard(house, /not being answered/)).length > 0);
});
