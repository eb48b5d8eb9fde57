/**
 * What counting costs: a house with a long history that was never counted is counted from nothing, while another process
 * goes on writing; then it is scraped again and again, with something new each time. A scrape must cost the same after
 * years, and nobody may wait for the counting.
 *
 *   node bench/metrics.ts [--rows 1000000] [--scrapes 200]
 */

import { parseArgs } from 'node:util';
import { openStore, type Store } from '#shared/store/store.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import type { Op } from '#shared/tables/op.ts';
import { buildHouse, type House } from '#shared/testing/house.ts';
import { median, quantile, table } from './table.ts';

/** What the long history is held against. */
const FEW = 1000;

export type Measured = {
  rows: number;
  /** From the start of the service until all is counted. */
  counted_s: number;
  /** How long the writes of another took meanwhile, and the longest that its event loop stood still. */
  writes_ms: number[];
  delay_ms: number;
  rss_mb: number;
  scrapes_ms: number[];
  healths_ms: number[];
  bytes: number;
};

/** Calls of five models, one every half minute until now, as a router would have written them. */
function history(from: number, upto: number, until: number): Op {
  return {
    verb: 'bench.history',
    sql: `WITH RECURSIVE n (n) AS (SELECT ? UNION ALL SELECT n + 1 FROM n WHERE n < ?)
      INSERT INTO call (id, caller, provider, target, model, stream, state, owner, opened_at, closed_at, outcome, input_tokens,
        output_tokens, cache_read_tokens, cost_nanousd, latency_ms, first_byte_ms)
      SELECT printf('%012d', n), 'core', 'p', 'p/model-' || (n % 5), 'model-' || (n % 5), 1, 'settled', 'o', t, t + 900,
        iif(n % 50, 'ok', 'refused'), 1000, 100 + n % 400, 500, 1000000, 400 + n % 20000, 200
      FROM (SELECT n, unixepoch() * 1000 - (? - n) * 30000 AS t FROM n)`,
    args: [from + 1, upto, until],
  };
}

async function fill(router: Store, rows: number): Promise<void> {
  for (let from = 0; from < rows; from += 20_000) {
    await router.commit([history(from, Math.min(from + 20_000, rows), rows)]);
  }
}

export async function measure(rows: number, scrapes: number): Promise<Measured> {
  const house = await buildHouse({ telegram: false });
  const open = (principal: string) => openStore({ directory: house.home.state, principal });
  let router: Store | undefined;
  try {
    router = await open('router');
    await fill(router, rows);
    const [write, writing] = [router, new AbortController()];
    const began = performance.now();
    await house.serve('metrics');
    const writes = meanwhile(write, writing.signal);
    const beats: heartbeat.Heartbeat[] = [];
    while (countedIn(await get(house, '/metrics')) < rows) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      beats.push(...(await router.read(heartbeat.all)));
    }
    const counted_s = (performance.now() - began) / 1000;
    writing.abort();
    const writes_ms = await writes;
    const scrapes_ms: number[] = [];
    const healths_ms: number[] = [];
    for (let nth = 0; nth < scrapes; nth++) {
      await router.commit([history(rows + nth, rows + nth + 1, rows + nth + 1)]);
      scrapes_ms.push(await timed(() => get(house, '/metrics')));
      healths_ms.push(await timed(() => get(house, '/health')));
    }
    beats.push(...(await router.read(heartbeat.all)));
    return {
      rows,
      counted_s,
      writes_ms,
      delay_ms: Math.max(...beats.map(({ loop_delay_ms }) => loop_delay_ms)),
      rss_mb: Math.max(...beats.map(({ rss_bytes }) => rss_bytes)) / 2 ** 20,
      scrapes_ms,
      healths_ms,
      bytes: Buffer.byteLength(await get(house, '/metrics')),
    };
  } finally {
    await router?.close();
    await house.close();
  }
}

/** Writes a row a time, as a router does, and says how long each took. */
async function meanwhile(store: Store, signal: AbortSignal): Promise<number[]> {
  const took: number[] = [];
  while (!signal.aborted) {
    const touch: Op = {
      verb: 'bench.touch',
      sql: `INSERT INTO throttle (bucket, requests_at, tokens_at, blocked_until_at, changed_at) VALUES ('bench', 0, 0, 0, 0)
              ON CONFLICT DO UPDATE SET requests_at = requests_at + 1`,
      args: [],
    };
    took.push(await timed(() => store.commit([touch])));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return took;
}

async function timed(what: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await what();
  return performance.now() - began;
}

async function get(house: House, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${house.port + 4}${path}`)).text();
}

function countedIn(text: string): number {
  const counts = [...text.matchAll(/^agent_requests_total\{.*\} (\S+)$/gm)].map(([, value]) => Number(value));
  return counts.reduce((sum, value) => sum + value, 0);
}

export function report(measured: readonly Measured[]): string {
  const ms = (values: readonly number[]) =>
    [median(values), quantile(values, 0.99), Math.max(...values)]
      .map((value) => value.toFixed(1))
      .join(' / ');
  return table(
    ['rows', 'counted in s', 'rows a s', 'write ms', 'scrape ms', 'health ms', 'KB', 'loop ms', 'MB'],
    measured.map((of) => [
      of.rows.toLocaleString('en'),
      of.counted_s.toFixed(1),
      Math.round(of.rows / of.counted_s).toLocaleString('en'),
      ms(of.writes_ms),
      ms(of.scrapes_ms),
      ms(of.healths_ms),
      (of.bytes / 1024).toFixed(0),
      of.delay_ms.toFixed(0),
      of.rss_mb.toFixed(0),
    ]),
  );
}

/** How much more a scrape costs after the longer history. */
export function ratio([few, many]: readonly Measured[]): number {
  return median(many?.scrapes_ms ?? []) / median(few?.scrapes_ms ?? []);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { rows: { type: 'string', default: '1000000' }, scrapes: { type: 'string', default: '200' } },
  });
  const measured: Measured[] = [];
  for (const rows of [FEW, Number(values.rows)]) measured.push(await measure(rows, Number(values.scrapes)));
  console.log(
    `${report(measured)}\n\ntimes: p50 / p99 / longest; writes are those of another process while it counts`,
  );
  console.log(`a scrape costs ${ratio(measured).toFixed(2)} times as much after the longer history`);
}
