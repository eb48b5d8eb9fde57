import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStore } from '#shared/store/store.ts';
import * as incident from '#shared/tables/incident.ts';
import * as telling from '#shared/tables/telling.ts';
import { startAlarmRoutes } from '#shared/testing/alarm-routes.ts';
import { startBotApi } from '#shared/testing/bot-api.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';
import { buildHouse, OWNER, TOKEN } from '#shared/testing/house.ts';

test('a test alarm arrives by every route, and what does not is said', async (t) => {
  const { home } = await quietHome(t, `[telegram]\nowners = [${OWNER}]\n`);
  const bot = await startBotApi({ token: TOKEN });
  t.after(() => bot.close());
  await bot.say({ chat_id: OWNER, text: 'hello' });
  const routes = await startAlarmRoutes({ token: 'tk_right' });
  t.after(() => routes.close());
  const none = await vigil(home, ['alarm', 'test']);
  assert.equal(none.code, 78);
  assert.match(none.stderr, /no credentials\/watchdog.env/);

  const write = (token: string) => {
    mkdirSync(home.credentials, { recursive: true, mode: 0o700 });
    const lines = [
      `TELEGRAM_BOT_TOKEN=${TOKEN}`,
      `TELEGRAM_API_ROOT=${bot.root}`,
      `ALARM_NTFY_URL=${routes.ntfy('mine')}`,
      `ALARM_NTFY_TOKEN=${token}`,
    ];
    writeFileSync(join(home.credentials, 'watchdog.env'), lines.join('\n'), { mode: 0o600 });
  };
  write('tk_right');
  const all = await vigil(home, ['alarm', 'test']);
  assert.equal(all.stdout, `arrived: Telegram, to ${OWNER}\narrived: ntfy\n`);
  assert.equal(all.code, 0);
  assert.equal((await bot.sent({ chat_id: OWNER }))[0]?.text, routes.notifications[0]?.message);

  write('tk_wrong');
  await bot.revoke();
  const broken = await vigil(home, ['alarm', 'test']);
  assert.equal(broken.code, 1);
  assert.match(broken.stdout, /not arrived: direct: .* answered 401/);
  assert.match(broken.stdout, /not arrived: ntfy: .* answered 403/);
  assert.doesNotMatch(broken.stdout, new RegExp(TOKEN));
});

test('the list shows what is wrong and what was, with when it was told by which route', async (t) => {
  const { home, router } = await quietHome(t);
  assert.match((await vigil(home, ['alarm'])).stdout, /Nothing is wrong, and nothing was/);
  const now = Date.parse('2026-11-22T12:00:00');
  const opened = { service: 'router', severity: 'warning' as const, now };
  await router.commit([
    incident.open({ ...opened, cause: 'a', text: 'A target is away.' }),
    incident.close('a', 'router', now + 60_000),
    incident.open({ ...opened, cause: 'b', text: 'A budget is nearly used.' }),
  ]);
  const watchdog = await openStore({ directory: home.state, principal: 'watchdog' });
  t.after(() => watchdog.close());
  await watchdog.commit([
    telling.post({ incident_id: 1, phase: 'begun', message: 'm', now, told: { usual: now } }),
    telling.post({ incident_id: 1, phase: 'over', message: 'n', now }),
  ]);
  const { stdout } = await vigil(home, ['alarm', 'list']);
  const [, first = '', second = ''] = stdout.split('\n');
  assert.match(first, /open +warning +not yet +b +A budget is nearly used/);
  assert.match(second, /2026-11-22 12:01 +warning +begun: 12:00 usual; over: nowhere so far +a +A target/);
  const rows = JSON.parse((await vigil(home, ['alarm', 'list', '--json'])).stdout);
  assert.deepEqual(
    rows.map(({ cause }: { cause: string }) => cause),
    ['b', 'a'],
  );
});

test('what is wrong is looked after, silenced and told again by the command line, which says what came of it', async (t) => {
  const house = await buildHouse({ telegram: false });
  t.after(() => house.close());
  await house.serve('alerts');
  const router = await openStore({ directory: house.home.state, principal: 'router' });
  t.after(() => router.close());
  const now = Date.now();
  const opened = { service: 'router', now, text: 'The disk is nearly full.' };
  await router.commit([
    incident.open({ ...opened, cause: 'disk', severity: 'critical' }),
    incident.open({ ...opened, cause: 'past', severity: 'warning' }),
    incident.close('past', 'router', now),
  ]);
  const alarm = async (...args: string[]) => {
    const { stdout, stderr, code } = await vigil(house.home, ['alarm', ...args]);
    return `${code}: ${stdout}${stderr}`;
  };
  assert.equal(await alarm('ack', '1'), '0: acknowledged\n');
  assert.equal(await alarm('ack', '2'), '1: it is over already\n');
  assert.equal(await alarm('ack', '3'), '1: there is no incident 3\n');
  assert.match(await alarm('silence', 'dis*', '--for', 'ever'), /^\d+: .*expected a time such as 90m/);
  assert.match(await alarm('silence', 'dis*'), /required option/);
  assert.match(
    await alarm('silence', 'dis*', '--for', '2h', '--reason', 'I know'),
    /^0: silent until [-\d]+ [:\d]+, though it is critical\n$/,
  );
  assert.match(await alarm('silences'), /^0: .*\n +1 +dis\* +[-\d]+ [:\d]+ +\S+ +I know\n$/);
  assert.match(await alarm('list'), / 1 +[-\d]+ [:\d]+ +open, looked after, silent +critical/);
  assert.equal(await alarm('unsilence', '1'), '0: ended\n');
  assert.equal(await alarm('unsilence', '1'), '1: there is no such silence\n');
  assert.equal(await alarm('silences'), '0: Nothing is silenced.\n');
});

test('the rules are shown with the bounds that are set', async (t) => {
  const { home } = await quietHome(t, '[alerts]\nlatency_s = 25\n');
  const { stdout } = await vigil(home, ['alarm', 'rules']);
  assert.match(stdout, /AgentP95LatencyHigh +.* took more than 25 s; of 20 at least +2 min +warning/);
  assert.doesNotMatch(stdout, /AgentMetricsAbsent|\{/);
});
