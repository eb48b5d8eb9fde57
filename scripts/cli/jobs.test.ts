import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '#shared/store/store.ts';
import * as fire from '#shared/tables/fire.ts';
import * as schedule from '#shared/tables/schedule.ts';
import * as slot from '#shared/tables/slot.ts';
import { quietHome, vigil } from '#shared/testing/cli.ts';

test('a job is added, shown with its next five times, paused, resumed, run and removed', async (t) => {
  const { home, router } = await quietHome(t, '[owner]\ntime_zone = "Europe/Berlin"\n');
  const jobs = (...args: string[]) => vigil(home, ['jobs', ...args]);
  const standing = async () => (await router.read(schedule.named('news')))[0];

  assert.match((await jobs()).stdout, /There are no jobs/);
  const added = await jobs('add', 'news', '0 8 * * 1-5', '--prompt', 'Tell me the news.', '--run-usd', '0.2');
  assert.equal(added.code, 0, added.stderr);
  assert.equal(added.stdout.match(/\d{4}-\d\d-\d\d 08:00/g)?.length, 5, added.stdout);
  assert.match(added.stdout, /\$0\.20 a run/);
  const row = await standing();
  assert.deepEqual([row?.kind, row?.run_nanousd, row?.missed], ['prompt', 200_000_000, 'once']);

  assert.match((await jobs('list')).stdout, /^news +prompt +0 8 \* \* 1-5 +\d{4}-\d\d-\d\d 08:00/m);
  assert.match((await jobs('pause', 'news')).stdout, /is paused/);
  assert.equal((await standing())?.state, 'paused');
  assert.match((await jobs('show', 'news')).stdout, /next +paused/);
  await jobs('resume', 'news');
  assert.equal((await standing())?.state, 'active');
  await jobs('run', 'news');
  assert.equal((await router.read(fire.next))[0]?.job, 'news');
  await jobs('rm', 'news');
  assert.equal((await jobs('show', 'news')).code, 78);
});

test('a command job says what it may reach, and a chat that hears of it', async (t) => {
  const { home, router } = await quietHome(t);
  const args = ['--command', 'curl -sf https://example.com', '--host', 'example.com', '--path', '/srv/log'];
  const more = ['--zone', 'Asia/Kolkata', '--missed', 'skip', '--overlap', 'queue', '--chat', '-42'];
  const added = await vigil(home, ['jobs', 'add', 'ping', 'every 10m', ...args, ...more]);
  assert.equal(added.code, 0, added.stderr);
  const [row] = await router.read(schedule.named('ping'));
  assert.match(row?.spec ?? '', /^every 10m from \d{4}-.*Z$/);
  assert.deepEqual(JSON.parse(row?.grants_json ?? ''), { hosts: ['example.com'], paths: ['/srv/log'] });
  assert.deepEqual(
    [row?.kind, row?.zone, row?.missed, row?.overlap, row?.channel, row?.conversation],
    ['command', 'Asia/Kolkata', 'skip', 'queue', 'telegram', 'telegram:-42'],
  );
});

test('what is no job is refused, with what was expected, and changes nothing', async (t) => {
  const { home, router } = await quietHome(t);
  const wrong: [string[], RegExp][] = [
    [['news', '61 * * * *', '--prompt', 'x'], /61 is a invalid expression for minute/],
    [['news', 'at 2020-01-01T09:00', '--prompt', 'x'], /never due/],
    [['news', '@daily'], /one of --prompt and --command/],
    [['news', '@daily', '--prompt', 'x', '--command', 'y'], /one of --prompt and --command/],
    [['news', '@daily', '--prompt', 'x', '--zone', 'Mars/Olympus'], /name of a time zone/],
    [['news', '@daily', '--prompt', 'x', '--missed', 'never'], /one of once, all, skip/],
    [['', '@daily', '--prompt', 'x'], /name: expected/],
    [['news', '@daily', '--prompt', 'x', '--host', 'example.com'], /--host and --path are for --command/],
  ];
  for (const [args, said] of wrong) {
    const { code, stderr } = await vigil(home, ['jobs', 'add', ...args]);
    assert.equal(code, 64, args.join(' '));
    assert.match(stderr, said);
  }
  assert.deepEqual(await router.read(schedule.all), []);
});

test("the house's own jobs can be paused, not removed, and the history says what came of each time", async (t) => {
  const { home } = await quietHome(t);
  const cron = await openStore({ directory: home.state, principal: 'cron', flush: 'normal' });
  t.after(() => cron.close());
  const own = { conversation: 'terminal:main', channel: 'terminal', chat: null, given_by: 'house' } as const;
  const times = { spec: '20 4 * * *', kind: 'house', service: 'backup', prompt: '' } as const;
  await cron.commit([schedule.put({ ...own, ...times, name: 'prune', state: 'active', at: 1 })]);
  await cron.commit([
    slot.make({
      job: 'prune',
      due_at: 1,
      service: 'backup',
      state: 'skipped',
      reason: 'missed',
      schedule_id: 1,
      now: 2,
    }),
  ]);
  const refused = await vigil(home, ['jobs', 'rm', 'prune']);
  assert.equal(refused.code, 78);
  assert.match(refused.stderr, /the house's own[\s\S]*pause/);
  assert.match((await vigil(home, ['jobs', 'pause', 'prune'])).stdout, /is paused/);
  assert.match((await vigil(home, ['jobs', 'history', 'prune'])).stdout, /1970-01-01 .*skipped +missed/);
});
