import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { prepareHome } from '#shared/runtime/home.ts';
import * as schedule from '#shared/tables/schedule.ts';
import * as slot from '#shared/tables/slot.ts';
import { axe, consoleOf, noBrowser, shots, sideways } from '#shared/testing/browser.ts';
import { buildHouse } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';
import { visitTo } from '#shared/testing/visit.ts';
import { config } from '../config.ts';
import { acted, shown, turned } from '../visiting.ts';
import { schedules } from './schedules.ts';

const HOSTILE = '</textarea><script>alert(1)</script>"onfocus=alert(2)';

async function opened(t: TestContext) {
  const house = await buildHouse({ telegram: false });
  t.after(() => house.close());
  prepareHome(house.home);
  const visiting = await visitTo(t, config, { home: house.home });
  const { store } = visiting.visit.ctx;
  const visit = (address = '') => turned(visiting.visit, address);
  const show = (address?: string) => shown(schedules, visit(address));
  const act = (action: string, fields?: Record<string, string>, address?: string) =>
    acted(schedules, visit(address), action, fields);
  const of = async (name: string) => (await store.read(schedule.named(name)))[0];
  return { house, store, show, act, of, as: visiting.as };
}

const news = {
  name: 'news',
  when: '0 8 * * 1-5',
  kind: 'prompt',
  work: 'Tell me the news',
  missed: 'once',
  overlap: 'skip',
};

test('a schedule is set up, shown, changed, paused, resumed and deleted', async (t) => {
  const { show, act, of } = await opened(t);
  assert.match(await show(), /There is none/);
  const made = await act('add', { ...news, run_usd: '0.5', chat: '4242' });
  assert.match(made.say, /^"news" is saved: next \w{3} \d{4}-\d\d-\d\d 08:00\.$/);
  assert.equal(made.to, 'schedules/news');
  const { spec, chat, channel, conversation, run_nanousd, given_by, kind } = (await of('news')) ?? {};
  assert.deepEqual(
    { spec, chat, channel, conversation, run_nanousd, given_by, kind },
    {
      ...{ spec: '0 8 * * 1-5', chat: '4242', channel: 'telegram', conversation: 'telegram:4242' },
      ...{ run_nanousd: 5e8, given_by: 'console AAAAAA', kind: 'prompt' },
    },
  );
  assert.match(
    await show(),
    /news[\s\S]* 08:00<[\s\S]*at 08:00, on Monday to Friday[\s\S]*Run now[\s\S]*Pause/,
  );
  const one = await show('news');
  assert.match(one, /Tell me the news[\s\S]*\$0\.50 a run[\s\S]*chat 4242[\s\S]*console AAAAAA/);
  assert.equal(one.match(/<li><time/g)?.length, 5, 'its next five times');

  const changed = { ...news, when: '30 9 * * *', chat: '4242', day_usd: '2' };
  assert.match((await act('save', changed)).say, /09:30/);
  assert.equal((await of('news'))?.day_nanousd, 2e9);
  assert.equal((await act('pause', { name: 'news' })).say, '"news" rests.');
  assert.match(await show(), /paused[\s\S]*Resume/);
  assert.equal((await act('save', changed)).say, '"news" is saved: it rests.', 'it stays paused');
  assert.match((await act('resume', { name: 'news' }, 'news')).say, /goes on/);
  assert.equal((await of('news'))?.state, 'active');
  assert.deepEqual(await act('delete', { name: 'news' }), {
    say: '"news" is deleted.',
    to: 'schedules',
    subject: 'news',
  });
  assert.equal((await act('pause', { name: 'news' })).refused, true);
  assert.match(await show('news'), /There is no schedule of that name/);
});

test('a preview shows the next five times and the change of the clocks, and changes nothing', async (t) => {
  const { show, of } = await opened(t);
  const query = new URLSearchParams({ ...news, zone: 'Europe/Berlin', when: '0 8 28 3 *', preview: '1' });
  const page = await show(`?${query}`);
  assert.match(page, /<details open>[\s\S]*03-28 08:00[\s\S]*Time of Europe\/Berlin/);
  assert.match(page, /the clocks go/);
  assert.match(
    page,
    /value="Europe\/Berlin"[\s\S]*>Tell me the news<\/textarea>/,
    'what was filled in stays',
  );
  assert.equal(await of('news'), undefined);
  query.set('when', '0 25 * * *');
  assert.match(await show(`?${query}`), /notice bad[\s\S]*expected/);
});

test('what cannot be is refused, and what was filled in comes back', async (t) => {
  const { act, of } = await opened(t);
  const refusals: [Record<string, string>, RegExp][] = [
    [{ name: '<b>' }, /^The name: expected up to 60 letters/],
    [{ when: 'at 2020-01-01T09:00' }, /never due/],
    [{ when: 'whenever' }, /^When: expected five cron fields/],
    [{ zone: 'Atlantis' }, /time zone/],
    [{ work: ' ' }, /^What is to be done/],
    [{ work: 'x'.repeat(4001) }, /^What is to be done/],
    [{ kind: 'house' }, /^The kind/],
    [{ chat: 'ann' }, /^The chat/],
    [{ run_usd: '0' }, /^Money/],
    [{ day_usd: '1001' }, /^Money/],
    [{ hosts: 'example.com' }, /are for a command/],
    [{ kind: 'command', paths: 'tmp' }, /begin with \//],
    [{ missed: 'never' }, /^Missed/],
    [{ overlap: 'both' }, /^Overlap/],
  ];
  for (const [wrong, says] of refusals) {
    const done = await act('add', { ...news, ...wrong });
    assert.match(done.say, says);
    assert.equal(done.refused, true);
    assert.ok(done.to?.startsWith('schedules?preview=1&'));
  }
  assert.equal(await of('news'), undefined);
  await act('add', { ...news, kind: 'command', work: 'df -h', hosts: 'a.example, b.example', paths: '/tmp' });
  assert.deepEqual(JSON.parse((await of('news'))?.grants_json ?? ''), {
    hosts: ['a.example', 'b.example'],
    paths: ['/tmp'],
  });
  assert.match((await act('add', news)).say, /already/);
  assert.equal((await act('save', { ...news, name: 'other' })).refused, true);
});

test('cron runs what the console wants run now, and tells what came of it', async (t) => {
  const { house, store, show, act } = await opened(t);
  await act('add', { ...news, name: 'never alone', when: '0 0 1 1 *' });
  assert.match((await act('run', { name: 'never alone' })).say, /^the service cron is not running/);
  const cron = await house.serve('cron');
  t.after(() => cron.stop());
  const first = await until('it has begun', async () => {
    const [found] = await store.read(slot.ofJob('never alone', 1));
    return found?.state === 'started' && found;
  });
  assert.equal(first.wanted_by, 'console AAAAAA');
  assert.equal((await act('run', { name: 'never alone' })).say, '"never alone" runs as soon as it can.');
  await until('it waits its turn', async () => (await store.read(slot.ofJob('never alone', 9))).length === 2);
  assert.match(await show('never alone'), /wanted by console AAAAAA[\s\S]*started/);

  // The house's own are there once cron is.
  assert.match(await show(), /The house(&#39;|')s own[\s\S]*daily backup/);
  assert.match((await act('delete', { name: 'prune' })).say, /the house's own: it can be paused/);
  assert.equal((await act('save', { ...news, name: 'prune' })).refused, true);
  assert.doesNotMatch(await show('prune'), /Change it/);
  assert.match((await act('pause', { name: 'prune' })).say, /rests/);
});

test('what a job says and how it failed never becomes markup', async (t) => {
  const { as, show } = await opened(t);
  const store = await as('cron');
  const to = { conversation: HOSTILE, channel: 'terminal', chat: null, given_by: HOSTILE, at: 1 } as const;
  await store.commit([
    schedule.put({ ...to, name: 'x', state: 'active', spec: HOSTILE, prompt: HOSTILE, zone: HOSTILE }),
    slot.make({
      job: 'x',
      due_at: 1,
      service: null,
      state: 'skipped',
      reason: HOSTILE,
      schedule_id: 1,
      now: 1,
    }),
  ]);
  const query = new URLSearchParams({
    preview: '1',
    name: HOSTILE,
    when: HOSTILE,
    work: HOSTILE,
    zone: HOSTILE,
  });
  for (const address of ['', 'x', `?${query}`, `x?${query}`]) {
    const page = await show(address);
    assert.ok(page.includes('&lt;script&gt;'), address);
    assert.doesNotMatch(page, /<script|"onfocus/);
  }
});

test('older times of a job are a page away', async (t) => {
  const { as, show } = await opened(t);
  const store = await as('cron');
  const to = {
    conversation: 'terminal:main',
    channel: 'terminal',
    chat: null,
    given_by: 'ann',
    at: 1,
  } as const;
  await store.commit([schedule.put({ ...to, name: 'x', state: 'active', spec: '@daily', prompt: 'hello' })]);
  for (let nth = 1; nth <= 41; nth++) {
    const due_at = Date.UTC(2026, 0, 1, nth);
    await store.commit([
      slot.make({
        job: 'x',
        due_at,
        service: null,
        state: 'skipped',
        reason: `reason ${nth}.`,
        schedule_id: 1,
        now: 1,
      }),
    ]);
  }
  const first = await show('x');
  assert.ok(first.includes('reason 41.') && !first.includes('reason 1.'));
  const [, before] = /before=(\d+)/.exec(first) ?? [];
  const second = await show(`x?before=${before}`);
  assert.ok(second.includes('reason 1.') && !second.includes('reason 2.'));
});

test('schedules in a browser: set up with the keyboard, previewed, and saved', {
  skip: noBrowser,
}, async (t) => {
  const { house, page, base, faults } = await consoleOf(t, async (house) => {
    const store = await house.store();
    const to = {
      channel: 'terminal',
      chat: null,
      conversation: 'terminal:main',
      given_by: 'ann',
      at: 1,
    } as const;
    await store.commit([
      schedule.put({
        ...to,
        name: 'disk',
        state: 'active',
        spec: 'every 1h',
        kind: 'command',
        prompt: 'df -h /',
      }),
      schedule.put({
        ...to,
        name: 'weekly review',
        state: 'paused',
        spec: '0 18 * * 5',
        prompt: 'Review my week',
      }),
    ]);
    const cron = await house.serve('cron');
    t.after(() => cron.stop());
  });
  await page.goto(`${base}/schedules`);
  await shots(page, 'schedules');
  assert.deepEqual(await axe(page), []);
  assert.equal(await sideways(page), 0);

  await page.getByText('Have the agent told something').focus();
  await page.keyboard.press('Enter');
  for (const text of ['news', '0 8 * * 1-5', 'Europe/Berlin']) {
    await page.keyboard.press('Tab');
    await page.keyboard.type(text);
  }
  await page.getByLabel('What is to be done').fill('Tell me the news in five lines');
  await page.getByLabel('When').press('Enter'); // previews, and saves nothing
  await page.getByText('Time of Europe/Berlin').waitFor();
  assert.equal(await page.locator('.fires li').count(), 5);
  assert.deepEqual(await (await house.store()).read(schedule.named('news')), []);
  await shots(page, 'schedules-preview');
  assert.deepEqual(await axe(page), []);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('"news" is saved: next').waitFor();
  assert.equal(await page.locator('h1').textContent(), 'news');

  await page.getByRole('button', { name: 'Run now: news' }).click();
  await page.getByText('"news" runs as soon as it can.').waitFor();
  await page.getByText('wanted by console').waitFor(); // by itself
  await shots(page, 'schedule');
  assert.deepEqual(await axe(page), []);
  assert.equal(await sideways(page), 0);
  await page.getByRole('button', { name: 'Pause: news' }).click();
  await page.getByText('"news" rests.').waitFor();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('"news" is deleted.').waitFor();
  assert.deepEqual(faults, []);
});
