/**
 * What a call costs, in whole nano-dollars. Prices are list prices in USD per million tokens, from
 * https://platform.claude.com/docs/en/about-claude/pricing as known on the day in `PRICE_REV`; the owner's own come
 * from config.toml and win. Each ledger row keeps the revision: what a call did cost does not change when a price does.
 *
 * Second-hand, from others' accounts of that page: every `cache_read` that is not a tenth of the input, the long rate
 * being that of the whole call, `us` and `fast`.
 */

import * as z from 'zod/mini';
import { PRICE_REV } from '#shared/base/models.ts';
import { integer, section } from '#shared/runtime/setting.ts';
import type { Usage } from '#shared/tables/call.ts';

const usd = z.number().check(z.gte(0), z.lte(10_000));
const rates = {
  input: usd,
  output: usd,
  cache_write_5m: z.optional(usd),
  cache_write_1h: z.optional(usd),
  cache_read: z.optional(usd),
};
const tokens = integer(1, 100_000_000);

/**
 * `[router.prices."model"]` of config.toml, in USD per million tokens. Left out, a cache write is 1.25 times the input, one
 * for an hour twice, a cache read a tenth. `long` holds for every token of a call whose prompt is above so many tokens.
 */
export const priceSetting = section({
  ...rates,
  /** The first day (UTC) on which it holds; always, when left out. */
  from: z.optional(z.iso.date()),
  context_tokens: z.optional(tokens),
  long: z.optional(section({ above: tokens, ...rates })),
});

type PriceRow = z.infer<typeof priceSetting>;
export type OwnPrices = Readonly<Record<string, PriceRow>>;

/** Pico-dollars per token: whole numbers, so that no sum of them is ever off by a fraction of a bit. */
type Rates = { input: number; output: number; write_5m: number; write_1h: number; read: number };

export type Price = Rates & {
  rev: string;
  /** No input is longer. */
  context_tokens: number;
  search_nanousd: number;
  /** Beyond so many input tokens, cached ones included, every token of the call costs this instead. */
  long?: Rates & { above: number };
};

/** What changes the price of every token of a call. */
export type Terms = {
  /** Sent in a batch. */
  batch?: boolean;
  /** `inference_geo: "us"`. */
  us?: boolean;
  /** `speed: "fast"`, as published for Opus 4.6. */
  fast?: boolean;
};

/** Of a model, the rows in force one after the other: the last one that has begun holds. */
const listed: Record<string, readonly [PriceRow, ...PriceRow[]]> = {
  'claude-fable-5-1': [{ input: 10, output: 50, cache_read: 0.25 }],
  'claude-opus-5-5': [{ input: 4, output: 20, cache_read: 0.2 }],
  'claude-opus-5': [{ input: 5, output: 25 }],
  'claude-opus-4-8': [{ input: 5, output: 25 }],
  'claude-opus-4-7': [{ input: 5, output: 25 }],
  'claude-opus-4-6': [{ input: 5, output: 25 }],
  'claude-opus-4-5': [{ input: 5, output: 25, context_tokens: 200_000 }],
  'claude-sonnet-5-5': [
    { input: 2, output: 10, cache_read: 0.2 },
    { input: 2, output: 10, cache_read: 0.1, from: '2026-10-07' },
  ],
  'claude-sonnet-4-6': [{ input: 3, output: 15 }],
  'claude-sonnet-4-5': [{ input: 3, output: 15, context_tokens: 200_000 }],
  'claude-haiku-5-5': [{ input: 0.1, output: 0.5, long: { above: 100_000, input: 0.5, output: 2.5 } }],
  'claude-haiku-4-5': [{ input: 1, output: 5, context_tokens: 200_000 }],
};

/** Of a model of which nothing else is known. */
export const CONTEXT_tokens = 1_000_000;
/** $10 per thousand web searches, in batches too; web fetches cost their tokens alone. */
const SEARCH_nanousd = 10_000_000;

/** For local models and the rehearsal model. */
export const FREE: Price = {
  ...inPicoUsd({ input: 0, output: 0 }),
  rev: 'free',
  context_tokens: CONTEXT_tokens,
  search_nanousd: 0,
};

/** The price of a model at a time, by its name with or without a date; undefined when nobody has told us one. */
export function priceOf(model: string, at_ms: number, own: OwnPrices): Price | undefined {
  const name = model.replace(/-\d{8}$/, '');
  const begun = (row: PriceRow) => row.from === undefined || Date.parse(row.from) <= at_ms;
  for (const key of [model, name]) {
    const row = Object.hasOwn(own, key) ? own[key] : undefined;
    if (row && begun(row)) return priced(row, row.from === undefined ? 'config' : `config ${row.from}`);
  }
  const row = Object.hasOwn(listed, name) ? listed[name]?.findLast(begun) : undefined;
  return row && priced(row, PRICE_REV);
}

function priced(row: PriceRow, rev: string): Price {
  const { context_tokens = CONTEXT_tokens, long } = row;
  const price: Price = { ...inPicoUsd(row), rev, context_tokens, search_nanousd: SEARCH_nanousd };
  if (long) price.long = { ...inPicoUsd(long), above: long.above };
  else if (isFree(price)) price.search_nanousd = 0;
  return price;
}

/** Nothing that it does is paid: what runs at home. */
export function isFree({ input, output, write_5m, write_1h, read, long }: Price): boolean {
  return !long && Math.max(input, output, write_5m, write_1h, read) === 0;
}

function inPicoUsd(row: Pick<PriceRow, keyof typeof rates>): Rates {
  const { input, output } = row;
  const pico = (usd_per_million: number) => Math.round(1e6 * usd_per_million);
  return {
    input: pico(input),
    output: pico(output),
    write_5m: pico(row.cache_write_5m ?? 1.25 * input),
    write_1h: pico(row.cache_write_1h ?? 2 * input),
    read: pico(row.cache_read ?? 0.1 * input),
  };
}

/** What to add to config.toml for a model that has no price. */
export function missingPrice(model: string): string {
  return [
    `[router.prices.${JSON.stringify(model)}]`,
    "input = 3.0    # USD per million tokens: put your provider's price here",
    'output = 15.0  # likewise',
  ].join('\n');
}

/** What `usage` costs. */
export function cost_nanousd(price: Price, usage: Usage, how: Terms = {}): number {
  return sum_nanousd([{ price, usage }], how);
}

/** What the parts of one call cost together, rounded up once. */
export function sum_nanousd(parts: readonly { price: Price; usage: Usage }[], how: Terms = {}): number {
  let tokens_picousd = 0;
  let searches_nanousd = 0;
  for (const { price, usage } of parts) {
    tokens_picousd += picousd(price, usage);
    searches_nanousd += usage.web_searches * price.search_nanousd;
  }
  // A quotient of whole numbers below 2^53 is never rounded up to a whole one, so that the ceiling is exact.
  const times = (how.fast ? 6 : 1) * (how.us ? 11 : 1);
  const per = 1000 * (how.batch ? 2 : 1) * (how.us ? 10 : 1);
  return Math.ceil((tokens_picousd * times) / per) + searches_nanousd;
}

function picousd(price: Price, usage: Usage): number {
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
