/**
 * The bill of a batch, by whichever router lives when the provider has ended it. Every so often each open batch is
 * looked at; its results are read line by line, priced as they were at the submission, and settled once.
 *
 * A submission of which nobody knows the outcome is looked for among the provider's batches of that time and size. It is
 * taken for ours when it has ended and its custom_ids are ours, and not before: to a wrong guess, somebody's results would
 * be open. Seen to be missing for ten minutes, it was never taken, and costs nothing. What can no longer be known (the
 * results are gone, or of two clients' submissions nobody can say which is whose) is charged in full.
 */

import { createHash } from 'node:crypto';
import { periodOf } from '#shared/base/period.ts';
import { Fenced } from '#shared/store/store.ts';
import * as batch from '#shared/tables/batch.ts';
import * as call from '#shared/tables/call.ts';
import * as spend from '#shared/tables/spend.ts';
import * as total from '#shared/tables/total.ts';
import type { Price } from '../price.ts';
import type { Router } from '../request.ts';
import type { Target } from '../route.ts';
import { added, billed, NOTHING, readWhole } from '../usage.ts';
import {
  ask,
  BATCHES,
  causeOf,
  download,
  headersOf,
  homeOf,
  type Info,
  infoIn,
  jsonIn,
  requestsIn,
} from './ask.ts';

/** So long the results can be had (Claude Platform Docs, "Batch processing"). */
const KEPT_ms = 29 * 86_400_000;
/** What the provider's clock and ours may be apart. */
const SKEW_ms = 5 * 60_000;
/** Missing for so long, it was never there. */
const MISSING_ms = 10 * 60_000;
/** No line is longer: it holds one answer. */
const LONGEST_LINE_bytes = 32 * 2 ** 20;
const PAGE = 100;

/** Until then the router that submits it hears of the outcome itself. */
export const unknownAt = ({ config }: Router, opened_at: number) =>
  opened_at + config.deadline_s * 1000 + 60_000;

/** Looks at every batch whose time has come. */
export async function pollBatches(router: Router): Promise<void> {
  const { store, clock, config, log, signal } = router;
  for (const row of await store.read(batch.due(clock.now()))) {
    if (signal.aborted) return;
    try {
      await store.commit([batch.defer(row, clock.now() + config.batch_poll_s * 1000)]);
      await look(router, row);
    } catch (error) {
      // Another router looks at it.
      if (!(error instanceof Fenced)) log.warn('batch.unread', { call: row.call_id, error });
    }
  }
}

/** One look at one batch. @throws when nothing can be said about it now */
export async function look(router: Router, row: batch.Open): Promise<void> {
  if (router.clock.now() >= row.opened_at + KEPT_ms) return inFull(router, row, 'results_gone');
  const target = homeOf(router, row);
  if (row.batch_id === null) return search(router, row, target);
  const path = `${BATCHES}/${encodeURIComponent(row.batch_id)}`;
  const ending = await ask(router, target, { method: 'GET', path, headers: headersOf(row) });
  if (ending.status === 404 && ending.error_type === 'not_found_error') {
    return inFull(router, row, 'results_gone');
  }
  const info = infoIn(ending);
  if (!info) throw new Error(`router: ${target.name}: ${causeOf(ending)}`);
  await router.store.commit([batch.heard(row.call_id, JSON.stringify(info))]);
  if (info.processing_status !== 'ended') return;
  const sum = info.archived_at || !info.results_url ? null : await tally(router, row, target, info);
  await (sum ? settled(router, row, info, sum) : inFull(router, row, 'results_gone'));
}

type Part = { usage: call.Usage; cost_nanousd: number };

type Sum = {
  /** What the answers of each model used and cost. */
  parts: Map<string, Part>;
  /** Of all requests, whatever became of them. */
  custom_ids: string;
  /** A model answered that nobody had asked for, and that has no price. */
  estimated: boolean;
};

type Line = { custom_id?: unknown; result?: { type?: string; message?: unknown } };

/** Reads the results, a line at a time; null when they are gone. */
async function tally(router: Router, row: batch.Open, target: Target, info: Info): Promise<Sum | null> {
  const path = `${BATCHES}/${encodeURIComponent(info.id)}/results`;
  const { status, chunks } = await download(router, target, path, headersOf(row));
  if (status !== 200) {
    for await (const _ of chunks);
    if (status === 404 || status === 410) return null;
    throw new Error(`router: ${target.name}: expected the results, got status ${status}`);
  }
  const prices: Record<string, Price> = JSON.parse(row.prices_json);
  const sum: Sum = { parts: new Map(), custom_ids: '', estimated: false };
  const digest = digestOf();
  let succeeded = 0;
  for await (const bytes of linesOf(chunks)) {
    const { custom_id, result }: Line = JSON.parse(bytes.toString('utf8'));
    digest.add(custom_id);
    if (result?.type !== 'succeeded') continue;
    succeeded += 1;
    const reading = readWhole(Buffer.from(JSON.stringify(result.message ?? null)));
    if (!reading.complete)
      throw new Error(`router: ${target.name}: the result of '${custom_id}' is no message`);
    const priceOfModel = (model: string) => prices[model] ?? router.routes.priceOfModel(model);
    const model = askedFor(reading.model, Object.keys(prices));
    const price = priceOfModel(model);
    sum.estimated ||= price === undefined;
    const terms = { ...reading.terms, batch: true };
    const bill = billed(price ?? dearest(prices), { ...reading, terms }, priceOfModel);
    const part = sum.parts.get(model) ?? { usage: NOTHING, cost_nanousd: 0 };
    sum.parts.set(model, {
      usage: added(part.usage, bill.usage),
      cost_nanousd: part.cost_nanousd + bill.cost_nanousd,
    });
  }
  const expected = info.request_counts.succeeded ?? 0;
  if (succeeded < expected) {
    throw new Error(`router: ${target.name}: expected ${expected} answers in the results, got ${succeeded}`);
  }
  sum.custom_ids = digest.value();
  return sum;
}

/** The model that was asked for, of one that answers, which may add its date to the name. */
function askedFor(answered: string | null, asked: string[]): string {
  const [only = ''] = asked;
  const undated = answered?.replace(/-\d{8}$/, '');
  const found = asked.length === 1 ? only : asked.find((model) => model === answered || model === undated);
  return found ?? answered ?? only;
}

const dearest = (prices: Record<string, Price>): Price =>
  Object.values(prices).reduce((one, other) => (other.output > one.output ? other : one));

/** Adds up what stands for each custom_id, so that neither their order matters nor are they kept. */
export function digestOf(): { add(custom_id: unknown): void; value(): string } {
  let sum = 0;
  return {
    add(custom_id) {
      const hash = createHash('sha256').update(String(custom_id)).digest();
      sum = (sum + hash.readUIntBE(0, 6)) % 2 ** 48;
    },
    value: () => sum.toString(16),
  };
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', from)) {
      const line = Buffer.concat([...rest, chunk.subarray(from, end)]);
      if (line.length > 0) yield line;
      rest = [];
      bytes = 0;
      from = end + 1;
    }
    rest.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > LONGEST_LINE_bytes) throw new Error('router: a line of the results has no end');
  }
  if (bytes > 0) yield Buffer.concat(rest);
}

/** Looks for a submission that may have arrived. */
async function search(router: Router, row: batch.Open, target: Target): Promise<void> {
  const { store, clock } = router;
  const candidates = await candidatesFor(router, row, target);
  const names = candidates.map(({ id }) => id);
  const known = new Set((await store.read(batch.known(names))).map(({ batch_id }) => batch_id));
  let open = false;
  for (const info of candidates) {
    if (known.has(info.id)) continue;
    const sum = info.processing_status === 'ended' ? await tally(router, row, target, info) : null;
    if (sum?.custom_ids === row.custom_ids) return found(router, row, info, sum);
    // One that has not ended, or whose results are gone, may be ours.
    open ||= sum === null;
  }
  if (open) return;
  const now = clock.now();
  await store.commit([batch.missed(row.call_id, now)]);
  if (row.missed_at === null || now - row.missed_at < MISSING_ms) return;
  await settle(router, row, {
    status: null,
    outcome: 'unreachable',
    error_type: 'never_taken',
    request_id: null,
    estimated: false,
  });
}

/** The provider's batches of the time and the size of this one. */
async function candidatesFor(router: Router, row: batch.Open, target: Target): Promise<Info[]> {
  const candidates: Info[] = [];
  const [from, to] = [row.opened_at - SKEW_ms, unknownAt(router, row.opened_at) + SKEW_ms];
  for (let after = ''; ; ) {
    const path = `${BATCHES}?limit=${PAGE}${after}`;
    const ending = await ask(router, target, { method: 'GET', path, headers: headersOf(row) });
    const list = jsonIn(ending) as { data?: Info[]; has_more?: boolean; last_id?: string } | null;
    if (!Array.isArray(list?.data)) throw new Error(`router: ${target.name}: ${causeOf(ending)}`);
    const created = (info: Info) => Date.parse(info.created_at);
    const fits = (info: Info) => created(info) <= to && requestsIn(info) === row.requests;
    candidates.push(...list.data.filter((info) => created(info) >= from && fits(info)));
    const last = list.data.at(-1);
    if (!list.has_more || !list.last_id || !last || created(last) < from) return candidates;
    after = `&after_id=${encodeURIComponent(list.last_id)}`;
  }
}

/** Its custom_ids say that it is ours; not which of two clients' when both have sent the same ones. */
async function found(router: Router, row: batch.Open, info: Info, sum: Sum): Promise<void> {
  const others = (await router.store.read(batch.unknown)).filter(
    (other) => other.custom_ids === row.custom_ids && other.access_key !== row.access_key,
  );
  if (others.length === 0) return settled(router, row, info, sum, true);
  // One that is on its way may still be answered.
  const now = router.clock.now();
  if (others.some(({ opened_at }) => unknownAt(router, opened_at) > now)) return;
  for (const one of [row, ...others]) await inFull(router, one, 'ambiguous');
}

function settled(router: Router, row: batch.Open, info: Info, sum: Sum, recognised = false): Promise<void> {
  const bill: Bill = {
    status: 200,
    outcome: 'ok',
    error_type: null,
    request_id: info.id,
    estimated: sum.estimated,
    ended_at: Date.parse(info.ended_at ?? ''),
  };
  const close = recognised ? { batch_id: info.id, info_json: JSON.stringify(info) } : null;
  return settle(router, row, bill, [...sum.parts], close);
}

function inFull(router: Router, row: batch.Open, error_type: string): Promise<void> {
  router.log.warn('batch.in_full', { call: row.call_id, batch: row.batch_id, why: error_type });
  const bill: Bill = {
    status: null,
    outcome: 'cut',
    error_type,
    request_id: row.batch_id,
    estimated: true,
  };
  return settle(router, row, bill, [[row.model, { usage: NOTHING, cost_nanousd: row.hold_nanousd }]]);
}

type Bill = Pick<call.Bill, 'status' | 'outcome' | 'error_type' | 'request_id' | 'estimated'> & {
  ended_at?: number;
};

/** Writes the bill, in one unit, and once: whoever comes second is fenced off. Without `answers` it is nothing. */
export async function settle(
  router: Router,
  row: batch.Open,
  { ended_at, ...bill }: Bill,
  answers: [string, Part][] = [],
  recognised: { batch_id: string; info_json: string } | null = null,
): Promise<void> {
  const { clock, log } = router;
  const now = clock.now();
  const parts: typeof answers =
    answers.length > 0 ? answers : [[row.model, { usage: NOTHING, cost_nanousd: 0 }]];
  const usage = parts.reduce((sum, [, part]) => added(sum, part.usage), NOTHING);
  const cost_nanousd = parts.reduce((sum, [, part]) => sum + part.cost_nanousd, 0);
  const latency_ms = Math.max(0, (ended_at || now) - row.opened_at);
  const { call_id, hold_nanousd, windows_json, opened_at, alias, task, caller, conversation } = row;
  const failed = bill.outcome !== 'ok';
  const hour_at = periodOf('hour', opened_at).starts_at;
  const common = { hour_at, alias: alias ?? '', task: task ?? '', caller, conversation: conversation ?? '' };
  try {
    await router.persist([
      spend.settle(windows_json, hold_nanousd, cost_nanousd),
      call.settle(call_id, { ...bill, closed_at: now, usage, cost_nanousd, first_byte_ms: null, latency_ms }),
      batch.close(call_id, recognised),
      ...parts.map(([model, part]) =>
        total.add({ ...common, model }, { ...part, failed, estimated: bill.estimated }),
      ),
    ]);
    log.info('batch.settled', { call: call_id, outcome: bill.outcome, cost_nanousd });
    if (cost_nanousd > hold_nanousd) log.warn('hold.exceeded', { call: call_id, hold_nanousd, cost_nanousd });
  } catch (error) {
    if (!(error instanceof Fenced)) throw error;
  }
}
