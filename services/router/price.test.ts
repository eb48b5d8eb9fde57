import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Usage } from '#shared/tables/call.ts';
import { cost_nanousd, priceOf, worst_nanousd } from './price.ts';
import { NOTHING } from './usage.ts';

const MODELS = [
  'claude-fable-5-1',
  'claude-opus-5-5',
  'claude-opus-5',
  'claude-opus-4-8',
  'claude-sonnet-5-5',
  'claude-sonnet-4-6',
  'claude-haiku-5-5',
  'claude-haiku-4-5',
  'vigil-rehearsal',
];

function known(model: string) {
  const price = priceOf(model);
  assert.ok(price, `${model} has a price`);
  return price;
}

const cost = (model: string, usage: Partial<Usage>) => cost_nanousd(known(model), { ...NOTHING, ...usage });

test('a million tokens of each kind cost what the price list says', () => {
  const million = 1_000_000;
  const dollars = (model: string, usage: Partial<Usage>) => cost(model, usage) / 1e9;
  assert.equal(dollars('claude-sonnet-5-5', { input_tokens: million }), 2);
  assert.equal(dollars('claude-sonnet-5-5', { output_tokens: million }), 10);
  assert.equal(dollars('claude-sonnet-5-5', { cache_write_5m_tokens: million }), 2.5);
  assert.equal(dollars('claude-sonnet-5-5', { cache_write_1h_tokens: million }), 4);
  assert.equal(dollars('claude-sonnet-5-5', { cache_read_tokens: million }), 0.1);
  assert.equal(dollars('claude-fable-5-1', { input_tokens: million, output_tokens: million }), 60);
  assert.equal(dollars('vigil-rehearsal', { input_tokens: million, output_tokens: million }), 0);
});

test('a cost is exact to the nano-dollar, with no fraction of a bit rounded up', () => {
  assert.equal(cost('claude-haiku-5-5', { input_tokens: 3 }), 300);
  assert.equal(cost('claude-haiku-5-5', { cache_read_tokens: 7 }), 70);
  for (let tokens = 0; tokens < 2000; tokens++) {
    assert.equal(cost('claude-haiku-5-5', { input_tokens: tokens }), 100 * tokens);
    assert.equal(cost('claude-haiku-5-5', { cache_write_5m_tokens: tokens }), 125 * tokens);
    assert.equal(cost('claude-opus-4-8', { cache_write_5m_tokens: tokens }), 6250 * tokens);
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

test('a model is known by its name with or without a date, and by nothing that only resembles it', () => {
  assert.equal(priceOf('claude-haiku-4-5-20251001'), known('claude-haiku-4-5'));
  assert.equal(priceOf('claude-opus-5-20260801'), known('claude-opus-5'));
  for (const name of [
    'claude-opus',
    'claude-opus-5-6',
    'claude-haiku-4-5-2025',
    'xclaude-opus-5',
    'constructor',
    '',
  ]) {
    assert.equal(priceOf(name), undefined, name);
  }
});

test('no usage within the reservation costs more than the reservation', () => {
  let state = 7;
  const upTo = (most: number) => {
    state = (state * 48_271) % 2_147_483_647;
    return Math.floor((state / 2_147_483_647) * (most + 1));
  };
  for (let round = 0; round < 5000; round++) {
    const price = known(MODELS[round % MODELS.length] ?? '');
    const cached = upTo(1) === 1;
    const body_bytes = upTo(round % 2 === 0 ? 300_000 : 3000);
    const max_tokens = upTo(128_000);
    // Every byte may be a token, and each of them is read from the cache, written to it, or neither.
    let left = round % 3 === 0 ? body_bytes : upTo(body_bytes);
    const share = () => {
      const tokens = upTo(left);
      left -= tokens;
      return tokens;
    };
    const usage = {
      cache_read_tokens: share(),
      cache_write_5m_tokens: cached ? share() : 0,
      cache_write_1h_tokens: cached ? share() : 0,
      input_tokens: left,
      output_tokens: upTo(max_tokens),
    };
    const worst = worst_nanousd(price, body_bytes, cached, max_tokens);
    assert.ok(Number.isSafeInteger(worst) && worst >= cost_nanousd(price, usage), `round ${round}`);
  }
});
