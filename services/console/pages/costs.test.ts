import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { Usage } from '#shared/tables/call.ts';
import * as spend from '#shared/tables/spend.ts';
import * as total from '#shared/tables/total.ts';
import { visitTo } from '#shared/testing/visit.ts';
import { config } from '../config.ts';
import { costs } from './costs.ts';

/** Noon, local time. */
const NOON = new Date(2026, 10, 22, 12).getTime();
const HOUR_ms = 3_600_000;
const HOSTILE = '=<script>alert(1)</script>"';

const usage: Usage = {
  input_tokens: 600,
  output_tokens: 200,
  cache_read_tokens: 400,
  cache_write_5m_tokens: 0,
  cache_write_1h_tokens: 0,
  web_searches: 0,
};

async function spent(t: TestContext, query: string) {
  const visiting = await visitTo(t, config, { query, now: NOON });
  const router = await visiting.as('router');
  const at = { alias: 'default', task: 'chat', caller: 'core', conversation: 'telegram:7' };
  const bill = { failed: false, usage, estimated: false };
  await router.commit([
    total.add({ ...at, model: 'claude-sonnet-5-5', hour_at: NOON - HOUR_ms }, { ...bill, cost_nanousd: 1e9 }),
    total.add({ ...at, model: HOSTILE, hour_at: NOON }, { ...bill, cost_nanousd: 5e8, estimated: true }),
    total.add(
      { ...at, model: 'of-last-week', hour_at: NOON - 6 * 86_400_000 },
      { ...bill, cost_nanousd: 1e8 },
    ),
  ]);
  const id = spend.windowId('day', 'day', NOON);
  const starts_at = NOON - 12 * HOUR_ms;
  const window = {
    id,
    budget: 'day',
    starts_at,
    ends_at: starts_at + 24 * HOUR_ms,
    limit_nanousd: 3e9,
    limit_calls: null,
  };
  await router.commit([spend.hold(window, 2e9)]);
  await router.commit([spend.settle(JSON.stringify([id]), 2e9, 2e9)]);
  return visiting;
}

const shown = async ({ visit }: Awaited<ReturnType<typeof spent>>) =>
  String(await (await costs.show(visit)).body);

test('what would stop calls first is said, and when', async (t) => {
  const visiting = await spent(t, '');
  writeFileSync(visiting.visit.ctx.home.config, '[budget]\nhour_usd = 50\nday_usd = 2.375\n');
  const page = await shown(visiting);
  assert.match(
    page,
    /&#39;day&#39; would stop calls first: at this pace it is used up at 18:00, until midnight\./,
  );
  assert.match(page, /day: \$2\.00 of \$2\.375, used up at 18:00/);
});

test('settings that are wrong change nothing', async (t) => {
  const visiting = await spent(t, '');
  writeFileSync(visiting.visit.ctx.home.config, '[budget]\nday_usd = "much"\n');
  assert.match(await shown(visiting), /day: \$2\.00 of \$3\.00/);
});

test('each span has its own sums, and what is not in it is not told', async (t) => {
  const sums = async (query: string) =>
    /<dt>Cost<\/dt><dd>([^<]+)/.exec(await shown(await spent(t, query)))?.[1];
  assert.equal(await sums('span=today'), '$1.50');
  assert.equal(await sums('span=week'), '$1.60');
  assert.equal(await sums('from=2026-11-16&to=2026-11-16'), '$0.10');
  assert.equal(await sums('from=2026-11-17&to=2026-11-21'), '$0.00');
  assert.equal(await sums('from=nonsense'), '$1.60', 'the month');
});

test('what a client calls a model is text on the page, and no formula in a spreadsheet', async (t) => {
  const page = await shown(await spent(t, 'span=today'));
  assert.doesNotMatch(page, /<script/);
  assert.match(page, /&lt;script&gt;/);
  const [, address = ''] = /href="data:text\/csv;charset=utf-8,([^"]+)"/.exec(page) ?? [];
  const lines = decodeURIComponent(address.replaceAll('&#39;', "'")).split('\r\n');
  assert.equal(lines[0], `model,${total.SUMS.join(',')}`);
  assert.equal(lines[1], 'claude-sonnet-5-5,1,0,600,200,400,0,0,0,1000000000,0');
  assert.match(lines[2] ?? '', /^"'=<script>alert\(1\)<\/script>""",1,/);
});

test('by whatever it is broken down, it is the same money', async (t) => {
  for (const by of ['model', 'task', 'alias', 'key', 'conversation', 'day', 'hour']) {
    const page = await shown(await spent(t, `span=today&by=${by}`));
    assert.match(page, /<dt>Cost<\/dt><dd>\$1\.50/, by);
    assert.match(page, /33 % of it estimated/);
    assert.match(page, /40 %/, 'of what was read came from the cache');
  }
});

test('more for one period of one budget is there at once, under the name of who gave it', async (t) => {
  const visiting = await spent(t, '');
  const raise = costs.actions?.raise;
  const done = await raise?.(
    visiting.visit,
    new Map([
      ['budget', 'day'],
      ['usd', ' 0.50 '],
    ]),
  );
  assert.deepEqual(done, {
    say: "$0.50 added: the limit of 'day' is $3.50 until midnight.",
    subject: 'day 2026-11-22',
  });
  const [added] = await visiting.visit.ctx.store.read(spend.added(['day 2026-11-22']));
  assert.equal(added?.nanousd, 5e8);
  assert.match(await shown(visiting), /\$3\.50 \(\+\$0\.50\)/);
});

test('an amount or a budget that is none adds nothing', async (t) => {
  const visiting = await spent(t, '');
  for (const [budget, usd] of [
    ['day', '0'],
    ['day', '10000.01'],
    ['day', '1e3'],
    ['day', ''],
    ['year', '1'],
    ['turn', '1'],
  ]) {
    const done = await costs.actions?.raise?.(
      visiting.visit,
      new Map([
        ['budget', budget ?? ''],
        ['usd', usd ?? ''],
      ]),
    );
    assert.ok(done?.refused, `${budget} ${usd}`);
  }
  assert.deepEqual(await visiting.visit.ctx.store.read(spend.added(['day 2026-11-22'])), []);
});
