/** The pages about money, alerts, what is outside, logs and releases, in a real browser. */

import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { periodOf } from '#shared/base/period.ts';
import { openStore } from '#shared/store/store.ts';
import * as alert_wish from '#shared/tables/alert_wish.ts';
import * as finding from '#shared/tables/finding.ts';
import * as incident from '#shared/tables/incident.ts';
import * as probe from '#shared/tables/probe.ts';
import * as request from '#shared/tables/probe_request.ts';
import * as spend from '#shared/tables/spend.ts';
import * as total from '#shared/tables/total.ts';
import { axe, consoleOf, noBrowser, type OpenConsole, shots, sideways } from '#shared/testing/browser.ts';
import type { House } from '#shared/testing/house.ts';
import { until } from '#shared/testing/scratch.ts';

const HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>';

/** A day's money, trouble of each kind, and a log, with a stranger's words wherever there are words. */
async function seed({ home }: House): Promise<void> {
  const now = Date.now();
  const as = async (
    principal: 'router' | 'upstream',
    work: (store: Awaited<ReturnType<typeof openStore>>) => Promise<void>,
  ) => {
    const store = await openStore({ directory: home.state, principal, flush: 'normal' });
    await work(store);
    await store.close();
  };
  await as('router', async (store) => {
    const at = { alias: 'default', task: 'chat', caller: 'core', conversation: 'telegram:7' };
    const tokens = { input_tokens: 9000, output_tokens: 800, cache_read_tokens: 41_000 };
    const usage = { ...tokens, cache_write_5m_tokens: 500, cache_write_1h_tokens: 0, web_searches: 1 };
    const { starts_at, ends_at } = periodOf('day', now);
    const month = periodOf('month', now);
    const spent = { day: 0, month: 0 };
    for (let hour_at = month.starts_at; hour_at <= now; hour_at += 3_600_000) {
      const cost_nanousd = 2e7 + 1e7 * ((hour_at / 3_600_000) % 5);
      const bill = { failed: hour_at % 7 === 0, usage, cost_nanousd, estimated: false };
      for (const model of ['claude-sonnet-5-5', 'claude-haiku-5-5', HOSTILE]) {
        await store.commit([total.add({ ...at, model, hour_at }, bill)]);
        spent.month += cost_nanousd;
        if (hour_at >= starts_at) spent.day += cost_nanousd;
      }
    }
    const day = {
      id: spend.windowId('day', 'day', now),
      budget: 'day',
      starts_at,
      ends_at,
      limit_nanousd: null,
      limit_calls: null,
    };
    const whole = { ...day, id: spend.windowId('month', 'month', now), budget: 'month', ...month };
    await store.commit([spend.hold(day, spent.day), spend.hold(whole, spent.month)]);
    await store.commit([
      spend.settle(JSON.stringify([day.id]), spent.day, spent.day),
      spend.settle(JSON.stringify([whole.id]), spent.month, spent.month),
      incident.open({
        cause: 'breaker anthropic/claude-opus-5-5',
        service: 'router',
        severity: 'critical',
        text: `anthropic/claude-opus-5-5 does not answer: ${HOSTILE}`,
        now: now - 600_000,
      }),
    ]);
  });
  await as('upstream', async (store) => {
    await store.commit([
      probe.watch('network', 'a resolver, and a page', now + 60_000),
      probe.watch('provider anthropic', 'https://api.anthropic.com', now + 60_000),
      probe.watch('page kernel', HOSTILE, now),
    ]);
    await store.commit([
      probe.worked('network', { now: now - 9000, due_at: now + 51_000, latency_ms: 14 }),
      probe.failed('provider anthropic', {
        now: now - 9000,
        due_at: now + 20_000,
        error: 'HTTP 529 Overloaded',
      }),
      finding.open(
        {
          cause: 'provider anthropic',
          kind: 'outage',
          severity: 'critical',
          text: 'Anthropic answers 529.',
          cure: 'Wait; calls fall over to others.',
        },
        { now: now - 400_000, told_at: now, over_at: null },
      ),
    ]);
  });
  const folder = join(home.logs, 'core');
  mkdirSync(folder, { recursive: true });
  const lines = ['turn.begun', 'call.failed', 'turn.finished'].map((event, i) =>
    JSON.stringify({
      level: i === 1 ? 'warn' : 'info',
      time: new Date(now - 5000 + i).toISOString(),
      agent: 'vigil',
      service: 'core',
      version: '1',
      pid: 7,
      event,
      msg: HOSTILE,
      turn: '0199f3c2-7b1a',
    }),
  );
  appendFileSync(join(folder, 'core.1.log'), `${lines.join('\n')}\n`);
}

/** As a whole: no fault, no script of a stranger's, nothing sideways, nothing that axe finds. */
async function inOrder({ page, faults }: OpenConsole, name: string): Promise<void> {
  await shots(page, name);
  assert.deepEqual(await axe(page), [], name);
  assert.equal(await sideways(page), 0, name);
  assert.match(await page.title(), /^[A-Z]/);
  assert.equal(await page.locator('img, main script').count(), 0, name);
  assert.deepEqual(faults, [], name);
}

test('money, alerts, what is outside and the logs are seen and acted on in the browser', {
  skip: noBrowser,
  timeout: 120_000,
}, async (t) => {
  const console = await consoleOf(t, seed, { config: '[budget]\nday_usd = 3\nmonth_usd = 150' });
  const { house, page, base } = console;
  const store = await openStore({ directory: house.home.state, principal: 'cli', flush: 'normal' });
  t.after(() => store.close());
  const said = (words: RegExp) => page.locator('#notice', { hasText: words }).waitFor();

  await page.goto(`${base}/costs`);
  await inOrder(console, 'costs');
  await page.getByLabel('US dollars more for day').fill('0.75');
  await page.getByRole('button', { name: 'Add to day' }).click();
  await said(/\$0\.75 added: the limit of 'day' is \$3\.75/);
  await page.locator('#budgets', { hasText: '(+$0.75)' }).waitFor();

  await page.goto(`${base}/alerts`);
  await inOrder(console, 'alerts');
  await page.getByRole('button', { name: /^Seen: breaker/ }).click();
  await said(/is seen: it is not told again/);
  await page.getByLabel('Cause; a * stands for anything').fill('queue *');
  await page.getByRole('button', { name: 'Silence this cause' }).click();
  await said(/'queue \*' is silenced for 1 hour/);
  await page.getByRole('button', { name: 'Test every channel' }).click();
  await said(/A test word goes out/);
  const wishes = await store.read(alert_wish.latest(9));
  assert.deepEqual(
    wishes.map(({ kind, about }) => `${kind} ${about}`),
    ['test ', 'silence queue *', 'acknowledge 1'],
  );

  await page.goto(`${base}/releases`);
  await inOrder(console, 'releases');

  await page.goto(`${base}/upstream`);
  await inOrder(console, 'upstream');
  await page.getByRole('button', { name: 'Look now at network' }).click();
  await said(/A look at 'network' is asked for/);
  assert.deepEqual(
    (await store.read(request.all)).map(({ watch }) => watch),
    ['network'],
  );

  await page.goto(`${base}/logs?service=core`);
  await page.locator('summary', { hasText: 'turn.finished' }).click();
  await page.locator('details[open] dd', { hasText: '0199f3c2-7b1a' }).waitFor();
  await inOrder(console, 'logs');
  const late = {
    level: 'error',
    time: new Date().toISOString(),
    service: 'core',
    event: 'late.come',
    msg: 'late come',
  };
  appendFileSync(join(house.home.logs, 'core', 'core.1.log'), `${JSON.stringify(late)}\n`);
  // As each beat of a service does.
  await store.commit([request.ask({ watch: 'page kernel', asked_by: 'test', asked_at: Date.now() })]);
  await page.locator('summary', { hasText: 'late.come' }).waitFor();
  await page.locator('details[open] > summary', { hasText: 'turn.finished' }).waitFor();
  await page.locator('dd a', { hasText: '0199f3c2-7b1a' }).first().click();
  await page.waitForURL(/id=0199f3c2-7b1a/);
  await until('only its lines are there', async () => (await page.locator('.lines details').count()) === 3);
});
