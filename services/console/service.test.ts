/** The console in a real browser. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PERIODS, periodOf } from '#shared/base/period.ts';
import { version } from '#shared/base/root.ts';
import { services } from '#shared/manifest.ts';
import { openStore } from '#shared/store/store.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as incident from '#shared/tables/incident.ts';
import type { Op } from '#shared/tables/op.ts';
import * as spend from '#shared/tables/spend.ts';
import * as total from '#shared/tables/total.ts';
import { axe, consoleOf, noBrowser, shots, sideways } from '#shared/testing/browser.ts';
import type { House } from '#shared/testing/house.ts';

const HOUR_ms = 3_600_000;

/** A day in the life of a house: all are up, money was spent, one thing is wrong. */
async function aDay({ home }: House): Promise<void> {
  const now = Date.now();
  const write = async (principal: string, ops: Op[]) => {
    const store = await openStore({ directory: home.state, principal, flush: 'normal' });
    await store.commit(ops);
    await store.close();
  };
  for (const [nth, { name, memory_mb }] of services.entries()) {
    if (name === 'console') continue;
    await write(name, [
      heartbeat.beat({
        service: name,
        worker: 0,
        pid: 1,
        instance: 'i',
        boot_id: 'b',
        version,
        phase: name === 'memory' ? 'stopped' : 'ready',
        doing: 'waiting',
        since_at: now,
        progressed_at: now,
        beat_at: now - 700 * nth,
        rss_bytes: Math.round(memory_mb * 2 ** 20 * (0.2 + 0.07 * (nth % 9))),
        loop_delay_ms: 2,
        problem: name === 'upstream' ? 'the network is away' : null,
      }),
    ]);
  }
  const hour_at = now - (now % HOUR_ms);
  const usage = {
    input_tokens: 2000,
    output_tokens: 800,
    cache_read_tokens: 9000,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 0,
    web_searches: 0,
  };
  const dimensions = { model: 'm', alias: '', task: '', caller: 'core', conversation: '' };
  const bill = (cost_nanousd: number) => ({ failed: false, usage, cost_nanousd, estimated: false });
  await write('router', [
    ...Array.from({ length: 24 * 8 }, (_, nth) =>
      total.add({ ...dimensions, hour_at: hour_at - nth * HOUR_ms }, bill(2e7 + 1e7 * (nth % 7))),
    ),
    ...PERIODS.flatMap((kind): Op[] => {
      const { starts_at, ends_at } = periodOf(kind, now);
      const id = spend.windowId(kind, kind, now);
      const window = { id, budget: kind, starts_at, ends_at, limit_nanousd: null, limit_calls: null };
      const spent = { hour: 4e7, day: 9e8, month: 1.7e10 }[kind];
      return [spend.hold(window, spent), spend.settle(JSON.stringify([id]), spent, spent)];
    }),
    ...Array.from({ length: 40 }, (_, nth): Op => {
      const latency_ms = 700 + ((nth * 977) % 5200);
      return {
        verb: 'test',
        sql: `INSERT INTO call (id, kind, caller, provider, model, target, state, worker, owner, opened_at, closed_at,
                outcome, latency_ms, reason_json, windows_json, stream, attempt, hold_nanousd, price_rev, unasked)
              VALUES (?, 'message', 'core', 'p', 'm', 't', 'settled', 0, 'o', ?, ?, ?, ?, '{}', '[]', 1, 1, 0, '', 0)`,
        args: [
          `call ${nth}`,
          now - nth * 60_000,
          now - nth * 60_000,
          nth % 13 === 5 ? 'refused' : 'ok',
          latency_ms,
        ],
      };
    }),
    incident.open({
      cause: 'breaker anthropic/claude',
      service: 'router',
      severity: 'warning',
      text: 'anthropic/claude-opus-5-5 does not answer: five calls in a row failed. Others take its place.',
      now: now - 720_000,
    }),
  ]);
  await write(
    'metrics',
    services.flatMap(({ name }, nth) =>
      Array.from({ length: 288 }, (_, slot) => ({
        verb: 'test',
        sql: 'INSERT INTO presence (service, slot_at, looks, up, rss_bytes, delay_ms) VALUES (?,?,?,?,1,1)',
        args: [
          name,
          now - (now % 300_000) - slot * 300_000,
          60,
          nth === 3 && slot > 40 && slot < 60 ? (slot % 2 ? 0 : 30) : 60,
        ],
      })),
    ),
  );
}

test('the overview tells how all is, in a browser of any width, light and dark', {
  skip: noBrowser,
}, async (t) => {
  const { page, faults } = await consoleOf(t, aDay, { config: '[budget]\nday_usd = 3' });
  await page.reload();
  assert.equal(await page.locator('h1').textContent(), 'Overview');
  await shots(page, 'overview');
  assert.deepEqual(await axe(page), []);
  assert.equal(await sideways(page), 0);
  assert.deepEqual(faults, []);
});

test('the first load is small: page, style, script and sign together below 60 KB', {
  skip: noBrowser,
}, async (t) => {
  const { page, origin } = await consoleOf(t, aDay);
  const { request } = page.context();
  const body = await (await request.get(page.url())).text();
  let bytes = Buffer.byteLength(body);
  for (const [, address] of body.matchAll(/(?:href|src)="(\/asset\/[^"]+)"/g)) {
    bytes += (await (await request.get(`${origin}${address}`)).body()).length;
  }
  t.diagnostic(
    `${(bytes / 1000).toFixed(1)} KB, ${(Buffer.byteLength(body) / 1000).toFixed(1)} of it the page`,
  );
  assert.match(body, /Cost of today/);
  assert.ok(bytes < 60_000, `${bytes} bytes`);
});

test('all is halted and resumed from any page, asked before', { skip: noBrowser }, async (t) => {
  const { page, base, house, faults } = await consoleOf(t);
  await page.goto(`${base}/access`);
  await page.getByRole('link', { name: 'Halt' }).click();
  await shots(page, 'halting');
  await page.getByRole('link', { name: 'Cancel' }).click();
  assert.equal(existsSync(house.home.halted), false);
  await page.getByRole('link', { name: 'Halt' }).click();
  await page.getByLabel('What for').fill('dinner');
  await page.getByRole('dialog').getByRole('button', { name: 'Halt' }).click();
  await page.locator('#notice').getByText('All is halted.').waitFor();
  assert.match(readFileSync(house.home.halted, 'utf8'), /by console [\w-]{6} – dinner/);
  assert.equal(await page.locator('#standing').innerText(), 'halted');
  await shots(page, 'halted');
  assert.deepEqual(await axe(page), []);
  await page.goto(`${base}/access`);
  await shots(page, 'access');
  assert.deepEqual(await axe(page), []);
  assert.equal(await sideways(page), 0);
  await page.locator('header').getByRole('button', { name: 'Resume' }).click();
  await page.locator('#notice').getByText('Resumed').waitFor();
  assert.equal(existsSync(house.home.halted), false);
  const done = await house.read<{ action: string; outcome: string }>(
    'SELECT action, outcome FROM console_action ORDER BY id',
  );
  assert.deepEqual(
    done.map(({ action, outcome }) => `${action}: ${outcome}`),
    ['halt: All is halted.', 'resume: Resumed: what waits goes on.'],
  );
  assert.deepEqual(faults, []);
});

test('without a script one gets in, reads, halts and resumes', { skip: noBrowser }, async (t) => {
  const { house, enter, base } = await consoleOf(t, aDay);
  const { page } = await enter({ javaScriptEnabled: false });
  assert.notEqual(page.url(), `${base}/`);
  assert.ok(await page.getByText('Cost of today').isVisible());
  await page.getByRole('link', { name: 'Halt' }).click();
  await page.waitForURL(/halt$/);
  await page.getByRole('main').getByLabel('What for').fill('no script');
  await page.getByRole('main').getByRole('button', { name: 'Halt' }).click();
  await page.getByRole('main').getByText('All is halted.').waitFor();
  assert.match(readFileSync(house.home.halted, 'utf8'), /no script/);
  await page.locator('header').getByRole('button', { name: 'Resume' }).click();
  await page.getByText('Resumed').waitFor();
  assert.equal(existsSync(house.home.halted), false);
});

test('with the keyboard alone one skips to the page, and asks for the halt', {
  skip: noBrowser,
}, async (t) => {
  const { page } = await consoleOf(t);
  await page.reload();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate('document.activeElement.className'), 'skip');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate('document.activeElement.id'), 'main');
  await page.getByRole('link', { name: 'Halt' }).focus();
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate('halting.open && halting.contains(document.activeElement)'), true);
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate('halting.open'), false);
});

test('who is not in is told how to come in', { skip: noBrowser }, async (t) => {
  const { browser, origin } = await consoleOf(t);
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${origin.replace('127.0.0.1', 'localhost')}/`);
  assert.equal(page.url(), `${origin}/`);
  assert.ok(await page.getByText('scripts/vigil console').isVisible());
  await shots(page, 'door');
  assert.deepEqual(await axe(page), []);
});
