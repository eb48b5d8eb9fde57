/** The console in a real browser. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
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
    spend.hold(
      {
        id: spend.windowId('day', 'day', now),
        budget: 'day',
        starts_at: now - HOUR_ms,
        ends_at: now + HOUR_ms,
        limit_nanousd: null,
        limit_calls: null,
      },
      0,
    ),
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
