import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'smol-toml';
import { PRICE_REV } from '#shared/base/models.ts';
import type { Usage } from '#shared/tables/call.ts';
import {
  cost_nanousd,
  FREE,
  missingPrice,
  type OwnPrices,
  priceOf,
  priceSetting,
  sum_nanousd,
  type Terms,
} from './price.ts';
import { NOTHING } from './usage.ts';

const NOW = Date.parse('2026-11-22');

function known(model: string, at_ms = NOW, own: OwnPrices = {}) {
  const price = priceOf(model, at_ms, own);
  assert.ok(price, `${model} has a price`);
  return price;
}

const cost = (model: string, usage: Partial<Usage>, how?: Terms) =>
  cost_nanousd(known(model), { ...NOTHING, ...usage }, how);

const million = 1_000_000;

test('a million tokens of each kind cost what the price list says', () => {
  const dollars = (model: string, usage: Partial<Usage>) => cost(model, usage) / 1e9;
  assert.equal(dollars('claude-sonnet-5-5', { input_tokens: million }), 2);
  assert.equal(dollars('claude-sonnet-5-5', { output_tokens: million }), 10);
  assert.equal(dollars('claude-sonnet-5-5', { cache_write_5m_tokens: million }), 2.5);
  assert.equal(dollars('claude-sonnet-5-5', { cache_write_1h_tokens: million }), 4);
  assert.equal(dollars('claude-sonnet-5-5', { cache_read_tokens: million }), 0.1);
  assert.equal(dollars('claude-opus-5', { cache_read_tokens: million }), 0.5);
  assert.equal(dollars('claude-opus-5-5', { cache_read_tokens: million }), 0.2);
  assert.equal(dollars('claude-fable-5-1', { cache_read_tokens: million, output_tokens: million }), 50.25);
});

test('a local model costs nothing, whatever it says it used', () => {
  const usage = { ...NOTHING, input_tokens: million, output_tokens: million, web_searches: 5 };
  assert.equal(cost_nanousd(FREE, usage, { us: true, fast: true }), 0);
  assert.equal(cost_nanousd(known('llama', NOW, { llama: { input: 0, output: 0 } }), usage), 0);
});

test('a cost is exact to the nano-dollar, with no fraction of a bit rounded up', () => {
  assert.equal(cost('claude-haiku-5-5', { input_tokens: 3 }), 300);
  assert.equal(cost('claude-haiku-5-5', { cache_read_tokens: 7 }), 70);
  for (let tokens = 0; tokens < 2000; tokens++) {
    assert.equal(cost('claude-haiku-5-5', { input_tokens: tokens }), 100 * tokens);
    assert.equal(cost('claude-haiku-5-5', { cache_write_5m_tokens: tokens }), 125 * tokens);
    assert.equal(cost('claude-opus-4-8', { cache_write_5m_tokens: tokens }), 6250 * tokens);
    assert.equal(cost('claude-haiku-5-5', { input_tokens: tokens }, { us: true }), 110 * tokens);
  }
  const odd = known('odd', NOW, { odd: { input: 0.3, output: 1, cache_read: 0.000_3 } });
  assert.equal(cost_nanousd(odd, { ...NOTHING, cache_read_tokens: million }), 300_000);
  assert.equal(cost_nanousd(odd, { ...NOTHING, cache_read_tokens: 1 }), 1, 'a fraction is rounded up');
});

test('parts of a nano-dollar are rounded up once for the whole call', () => {
  const price = known('claude-haiku-5-5');
  const half = { price, usage: { ...NOTHING, cache_write_5m_tokens: 1 } };
  assert.equal(cost_nanousd(price, half.usage, { batch: true }), 63);
  assert.equal(sum_nanousd([half, half], { batch: true }), 125);
});

test('the dearest call that can be is still counted exactly', () => {
  const usage = { ...NOTHING, input_tokens: million, output_tokens: million };
  const nanousd = cost('claude-fable-5-1', usage, { us: true, fast: true });
  assert.equal(nanousd, 60e9 * 6.6);
  assert.ok(nanousd * 10_000 < Number.MAX_SAFE_INTEGER, 'pico-dollars times eleven are whole numbers too');
});

test('a batch costs half, the us a tenth more, fast six times, a search a cent whatever the terms', () => {
  const usage = { input_tokens: 1000, output_tokens: 100, web_searches: 2 };
  const tokens = 1000 * 2000 + 100 * 10_000;
  const searches = 20_000_000;
  for (const [how, times] of [
    [{}, 1],
    [{ batch: true }, 0.5],
    [{ us: true }, 1.1],
    [{ fast: true }, 6],
    [{ us: true, fast: true }, 6.6],
    [{ batch: true, us: true }, 0.55],
  ] as const) {
    assert.equal(cost('claude-sonnet-5-5', usage, how), tokens * times + searches, JSON.stringify(how));
  }
});

test('beyond 100,000 tokens of prompt, cached ones included, every token of the call costs the long price', () => {
  const at = { input_tokens: 40_000, cache_read_tokens: 30_000, cache_write_5m_tokens: 20_000 };
  const within = { ...at, cache_write_1h_tokens: 10_000, output_tokens: 1000 };
  const beyond = { ...within, input_tokens: 40_001 };
  assert.equal(
    cost('claude-haiku-5-5', within),
    40_000 * 100 + 30_000 * 10 + 20_000 * 125 + 10_000 * 200 + 500_000,
  );
  assert.equal(
    cost('claude-haiku-5-5', beyond),
    40_001 * 500 + 30_000 * 50 + 20_000 * 625 + 10_000 * 1000 + 2_500_000,
  );
  assert.equal(cost('claude-haiku-5-5', { input_tokens: 1, output_tokens: 200_000 }), 100 + 200_000 * 500);
});

test('a price that changed on a day holds from its first millisecond (UTC) on, and not before', () => {
  const change = Date.parse('2026-10-07T00:00:00Z');
  const read = (at_ms: number) =>
    cost_nanousd(known('claude-sonnet-5-5', at_ms), { ...NOTHING, cache_read_tokens: million }) / 1e9;
  assert.equal(read(change - 1), 0.2);
  assert.equal(read(change), 0.1);
});

test('a model is known by its name with or without a date, and by nothing that only resembles it', () => {
  assert.deepEqual(priceOf('claude-haiku-4-5-20251001', NOW, {}), known('claude-haiku-4-5'));
  assert.deepEqual(priceOf('claude-opus-5-20260801', NOW, {}), known('claude-opus-5'));
  for (const name of [
    'claude-opus',
    'claude-opus-5-6',
    'claude-haiku-4-5-2025',
    'xclaude-opus-5',
    'constructor',
    '',
  ]) {
    assert.equal(priceOf(name, NOW, {}), undefined, name);
  }
});

test('a model takes a million tokens, unless it is known to take fewer', () => {
  assert.equal(known('claude-sonnet-5-5').context_tokens, million);
  for (const name of ['claude-haiku-4-5', 'claude-sonnet-4-5', 'claude-opus-4-5']) {
    assert.equal(known(name).context_tokens, 200_000, name);
  }
});

test("the owner's own price wins from its day on; until then the list holds", () => {
  const toml = `
    [router.prices."claude-sonnet-5-5"]
    input = 3
    output = 15
    from = "2026-12-01"
    context_tokens = 50000
    long = { above = 1000, input = 6, output = 30, cache_read = 1 }`;
  const table = parse(toml) as { router: { prices: Record<string, unknown> } };
  const own = { 'claude-sonnet-5-5': priceSetting.parse(table.router.prices['claude-sonnet-5-5']) };
  const from = Date.parse('2026-12-01');
  assert.equal(known('claude-sonnet-5-5', from - 1, own).rev, PRICE_REV);
  const price = known('claude-sonnet-5-5-20261101', from, own);
  assert.deepEqual(price, {
    rev: 'config 2026-12-01',
    context_tokens: 50_000,
    search_nanousd: 10_000_000,
    input: 3e6,
    output: 15e6,
    write_5m: 3.75e6,
    write_1h: 6e6,
    read: 0.3e6,
    long: { above: 1000, input: 6e6, output: 30e6, write_5m: 7.5e6, write_1h: 12e6, read: 1e6 },
  });
  assert.equal(known('new', NOW, { new: { input: 1, output: 1 } }).rev, 'config');
});

test('a price with a mistake is refused, not believed', () => {
  const good = { input: 3, output: 15 };
  assert.ok(priceSetting.safeParse(good).success);
  for (const bad of [
    { input: 3 },
    { ...good, input: -1 },
    { ...good, inptu: 3 },
    { ...good, from: '2026-02-30' },
    { ...good, context_tokens: 0 },
    { ...good, long: { above: 100_000 } },
    { ...good, long: { above: 1, input: 1, output: 1, cached: 1 } },
  ]) {
    assert.equal(priceSetting.safeParse(bad).success, false, JSON.stringify(bad));
  }
});

test('the lines that add a missing price are a price when they are added', () => {
  for (const model of ['gpt-oss:20b', 'a "quoted" \\ name']) {
    const { router } = parse(missingPrice(model)) as { router: { prices: Record<string, unknown> } };
    const own = { [model]: priceSetting.parse(router.prices[model]) };
    assert.ok(priceOf(model, NOW, own), model);
  }
});
