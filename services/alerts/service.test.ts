/** What is told of incidents in a house of real processes, what its buttons do, and who tells when this service does not. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FILE, openStore } from '#shared/store/store.ts';
import * as alert_wish from '#shared/tables/alert_wish.ts';
import * as incident from '#shared/tables/incident.ts';
import * as slot from '#shared/tables/slot.ts';
import { type AlarmRoutes, startAlarmRoutes } from '#shared/testing/alarm-routes.ts';
import { vigil } from '#shared/testing/cli.ts';
import { freeze } from '#shared/testing/freeze.ts';
import { buildHouse, OWNER, TOKEN } from '#shared/testing/house.ts';
import { buttonsOf } from '#shared/testing/phone.ts';
import { until } from '#shared/testing/scratch.ts';

const QUICK = '[watchdog]\nlook_s = 0.3\ngrace_s = 0.5\ncalm_s = 1\nuntold_s = 3\ncanary_s = 0\n';

async function houseOf(t: TestContext, config = QUICK) {
  const house = await buildHouse({ config });
  t.after(() => house.close());
  const routes = await startAlarmRoutes();
  t.after(() => routes.close());
  credentials(house.home.credentials, house.bot.root, routes.ntfy('alarms'));
  // A bot may write to nobody who has not written to it.
  await house.bot.say({ chat_id: OWNER, text: '/help' });
  await house.serve('telegram');
  // Whoever opens incidents here.
  const router = await openStore({ directory: house.home.state, principal: 'router' });
  t.after(() => router.close());
  const open = (cause: string, severity: incident.Incident['severity'] = 'warning') =>
    router.commit([
      incident.open({ cause, service: 'router', severity, text: `It is ${cause}: truly.`, now: Date.now() }),
    ]);
  const close = (cause: string) => router.commit([incident.close(cause, 'router', Date.now())]);
  const texts = async () =>
    (await house.bot.sent({ chat_id: OWNER, method: 'sendMessage' })).map(({ text }) => text);
  const hears = (what: RegExp) =>
    until(`the owner hears ${what}`, async () => (await texts()).find((text) => what.test(text)));
  const times = async (what: RegExp) => (await texts()).filter((text) => what.test(text)).length;
  return { house, routes, router, open, close, texts, hears, times };
}

function credentials(folder: string, root: string, ntfy: string, token = TOKEN): void {
  const lines = [`TELEGRAM_BOT_TOKEN=${token}`, `TELEGRAM_API_ROOT=${root}`, `ALARM_NTFY_URL=${ntfy}`];
  writeFileSync(join(folder, 'watchdog.env'), lines.join('\n'), { mode: 0o600 });
}

test('an alarm is looked after and silenced by its buttons, which then stands in it, and a silence ends', async (t) => {
  const { house, router, open, close, texts, times } = await houseOf(t);
  await house.serve('core');
  await house.serve('alerts');
  await open('worse', 'critical');
  const { message } = await house.bot.waitSent(({ text }) => text.includes('It is worse'));
  const press = (label: string) => {
    const data = buttonsOf(message).find(({ text }) => text === label)?.data ?? '';
    return house.bot.press({ chat_id: OWNER, message_id: message.message_id, data, from: { id: OWNER } });
  };
  const shown = (what: RegExp) =>
    until(`it shows ${what}`, async () =>
      (await house.bot.sent({ chat_id: OWNER, method: 'editMessageText' })).find(({ text }) =>
        what.test(text),
      ),
    );
  await press('👀 I look after it');
  const looked = await shown(/👀 Looked after/);
  assert.equal(looked.message.message_id, message.message_id);
  assert.match(looked.text, /^⚠️ It is worse: truly\.\n\n👀 Looked after: no reminder, but its end\.$/);
  const left = looked.message.reply_markup?.inline_keyboard.flat() ?? [];
  assert.deepEqual(
    left.map(({ text }) => text),
    ['🔕 1 h', '🔕 1 day'],
  );
  await press('🔕 1 h');
  const silent = await shown(/🔕 Silent until/);
  assert.match(silent.text, /👀 Looked after.*\n🔕 Silent until [-\d]+ [\d:]+, though it is critical\.$/);
  assert.equal(silent.message.reply_markup, undefined);

  await close('worse');
  await until('its end is let go', async () => {
    const rows = await house.read(
      "SELECT 1 FROM telling WHERE phase = 'over' AND routes_json LIKE '%silenced%'",
    );
    return rows.length > 0;
  });
  await open('worse', 'critical');
  await open('other');
  await until('the other is told', async () => (await times(/It is other/)) > 0);
  assert.equal(await times(/It is worse/), 1, 'it is silent');

  const list = await vigil(house.home, ['alarm', 'silences']);
  assert.match(list.stdout, /1 +worse +\S+ \S+ +4242/);
  const ended = await vigil(house.home, ['alarm', 'unsilence', '1']);
  assert.deepEqual([ended.stdout, ended.code], ['ended\n', 0]);
  await until('it is told', async () => (await times(/It is worse/)) === 2);
  // One that was told before its silence goes on after it.
  const wish = { kind: 'silence', about: 'oth*', given_by: 'me', now: Date.now() } as const;
  await router.commit([alert_wish.post({ ...wish, until_at: Date.now() + 1500 })]);
  await until('it is told that it goes on', async () => (await times(/⏰ Still: It is other/)) === 1);
  // And one that is ended by hand stands in no message any more.
  const edits = async () => {
    const all = await house.bot.sent({ chat_id: OWNER, method: 'editMessageText' });
    return all.filter(({ text }) => text.includes('It is other')).map(({ text }) => text);
  };
  await router.commit([alert_wish.post({ ...wish, until_at: Date.now() + 60_000 })]);
  await until('it shows its silence', async () => /🔕 Silent/.test((await edits()).at(-1) ?? ''));
  await vigil(house.home, ['alarm', 'unsilence', '3']);
  await until('it shows none', async () => /truly\.( \(for .*\))?$/.test((await edits()).at(-1) ?? ''));
  assert.equal(
    new Set(await texts()).size,
    (await texts()).length - 1,
    'only the one that began twice came twice',
  );
});

test('while alerts is not there, hangs or is dead, the watchdog tells, and when it is back nothing is told again', async (t) => {
  const { house, open, close, hears, texts } = await houseOf(t);
  const file = join(house.home.state, FILE);
  await house.serve('watchdog');
  await open('one');
  await hears(/It is one/);
  const { child } = await house.serve('alerts');
  await open('two');
  await hears(/It is two/);

  freeze(file, child.pid ?? 0);
  await open('three');
  await hears(/It is three/);
  await close('two');
  await hears(/Over: It is two/);
  child.kill('SIGCONT');
  await open('four');
  await hears(/It is four/);

  child.kill('SIGKILL');
  await open('five');
  await hears(/It is five/);
  await house.serve('alerts');
  for (const cause of ['one', 'three', 'four', 'five']) await close(cause);
  await hears(/Over:[\s\S]*five/);
  const all = await texts();
  assert.equal(new Set(all).size, all.length, all.join('\n'));
  for (const word of ['one', 'two', 'three', 'four', 'five'])
    assert.equal(
      all.filter((text) => text.includes(`It is ${word}`)).length,
      2,
      `${word}\n${all.join('\n')}`,
    );
});

test('in the quiet hours a warning waits, and what is critical does not', async (t) => {
  const clock = (ms: number) => new Date(Date.now() + ms).toTimeString().slice(0, 5);
  const quiet = `[owner]\nquiet = "${clock(-3_600_000)}-${clock(7_200_000)}"\n`;
  const { house, open, hears, times } = await houseOf(t, QUICK + quiet);
  await house.serve('watchdog');
  await house.serve('alerts');
  await open('annoying');
  await open('worse', 'critical');
  await hears(/It is worse/);
  const [waiting] = await until('it is posted', async () => {
    const rows = await house.read<{ state: string }>(
      "SELECT state FROM outbound WHERE text LIKE '%annoying%'",
    );
    return rows.length > 0 && rows;
  });
  assert.equal(waiting?.state, 'pending');
  assert.equal(await times(/annoying/), 0);
});

/** What came of a test that somebody wished. */
async function tested({ house }: Awaited<ReturnType<typeof houseOf>>, given_by: string): Promise<string> {
  const [{ outcome } = { outcome: '' }] = await until('the test has come to its end', async () => {
    const rows = await house.read<{ outcome: string }>(
      "SELECT outcome FROM alert_wish WHERE kind = 'test' AND given_by = ? AND handled_at IS NOT NULL",
      given_by,
    );
    return rows.length > 0 && rows;
  });
  return outcome;
}

test('a test goes by every way, a way that fails is an incident until it works, and the week has one', async (t) => {
  const whole = await houseOf(t);
  const { house, routes, router, hears, times } = whole;
  await house.serve('watchdog');
  await house.serve('alerts');
  const wish = (given_by: string) =>
    router.commit([alert_wish.post({ kind: 'test', about: '', given_by, now: Date.now() })]);
  const through = await vigil(house.home, ['alarm', 'test', '--through']);
  assert.deepEqual([through.stdout, through.code], ['bridge: arrived\ndirect: arrived\nntfy: arrived\n', 0]);
  assert.equal(await times(/A test of the alarm/), 2, 'by the bridge, and directly');
  assert.deepEqual(notified(routes), ['🔔 A test of the alarm: all is well.']);

  credentials(house.home.credentials, house.bot.root, routes.ntfy('no%20topic'), '1:wrong');
  await wish('me');
  assert.match(
    await tested(whole, 'me'),
    /^bridge: arrived\ndirect: .* answered 401.*\nntfy: .* answered 404/,
  );
  await hears(/An alarm does not arrive by ntfy: .*404/);

  credentials(house.home.credentials, house.bot.root, routes.ntfy('alarms'));
  const cron = await openStore({ directory: house.home.state, principal: 'cron' });
  t.after(() => cron.close());
  const weekly = { job: 'alarm test', service: 'alerts', reason: null, schedule_id: null } as const;
  await cron.commit([slot.make({ ...weekly, due_at: 1, state: 'due', now: Date.now() })]);
  assert.match(await tested(whole, 'slot 1'), /ntfy: arrived/);
  const outcomes = await house.read<{ state: string }>('SELECT state FROM slot_outcome ORDER BY id');
  assert.deepEqual(
    outcomes.map(({ state }) => state),
    ['started', 'done'],
  );
  await hears(/Over:[\s\S]*An alarm does not arrive by ntfy/);
  assert.equal(await times(/Over:.*A test/), 0);
  assert.equal(routes.posts.length, 0);
});

const notified = (routes: AlarmRoutes) => routes.notifications.map(({ message }) => message);
