/**
 * What a call costs, in whole nano-dollars. Prices are list prices in USD per million tokens, from
 * https://docs.claude.com/en/docs/about-claude/pricing as known on the day in `PRICE_REV`, which each ledger row
 * keeps: what a call did cost does not change when a price does.
 */

import type { Usage } from '#shared/tables/call.ts';

export const PRICE_REV = '2026-11-22';

/** Nano-dollars per token: whole numbers, so that no sum of them is ever off by a fraction of a bit. */
type Rates = { input: number; output: number; write_5m: number; write_1h: number; read: number };

type Price = Rates & {
  /** Beyond so many input tokens, cached ones included, every token of the call costs this instead. */
  long?: Rates & { above: number };
};

/** From USD per million tokens, as the price list has it: one of these is a thousand nano-dollars per token. */
const rates = (input: number, output: number, write_5m: number, write_1h: number, read: number): Rates => ({
  input: Math.round(1000 * input),
  output: Math.round(1000 * output),
  write_5m: Math.round(1000 * write_5m),
  write_1h: Math.round(1000 * write_1h),
  read: Math.round(1000 * read),
});

const prices: Record<string, Price> = {
  'claude-fable-5-1': rates(10, 50, 12.5, 20, 0.25),
  'claude-opus-5-5': rates(4, 20, 5, 8, 0.2),
  'claude-opus-5': rates(5, 25, 6.25, 10, 0.5),
  'claude-opus-4-5': rates(5, 25, 6.25, 10, 0.5),
  'claude-opus-4-6': rates(5, 25, 6.25, 10, 0.5),
  'claude-opus-4-7': rates(5, 25, 6.25, 10, 0.5),
  'claude-opus-4-8': rates(5, 25, 6.25, 10, 0.5),
  'claude-sonnet-5-5': rates(2, 10, 2.5, 4, 0.1),
  'claude-sonnet-4-5': rates(3, 15, 3.75, 6, 0.3),
  'claude-sonnet-4-6': rates(3, 15, 3.75, 6, 0.3),
  'claude-haiku-5-5': {
    ...rates(0.1, 0.5, 0.125, 0.2, 0.01),
    long: { above: 100_000, ...rates(0.5, 2.5, 0.625, 1, 0.05) },
  },
  'claude-haiku-4-5': rates(1, 5, 1.25, 2, 0.1),
  'vigil-rehearsal': rates(0, 0, 0, 0, 0),
};

/** The price of a model, by its name with or without a date; undefined when nobody has told us one. */
export function priceOf(model: string): Price | undefined {
  const name = model.replace(/-\d{8}$/, '');
  return Object.hasOwn(prices, name) ? prices[name] : undefined;
}

/** What `usage` costs. */
export function cost_nanousd(price: Price, usage: Usage): number {
  const input =
    usage.input_tokens + usage.cache_read_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens;
  const at = price.long && input > price.long.above ? price.long : price;
  return (
    usage.input_tokens * at.input +
    usage.output_tokens * at.output +
    usage.cache_read_tokens * at.read +
    usage.cache_write_5m_tokens * at.write_5m +
    usage.cache_write_1h_tokens * at.write_1h
  );
}

/**
 * The most a call can cost: every byte of the body a token (no token is shorter), written to the dearest cache if any
 * is asked for, and an answer as long as it may be.
 */
export function worst_nanousd(price: Price, body_bytes: number, cached: boolean, max_tokens: number): number {
  const none = { input_tokens: 0, cache_read_tokens: 0, cache_write_5m_tokens: 0, cache_write_1h_tokens: 0 };
  const input = cached ? { cache_write_1h_tokens: body_bytes } : { input_tokens: body_bytes };
  return cost_nanousd(price, { ...none, ...input, output_tokens: max_tokens });
}
