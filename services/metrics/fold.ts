/**
 * The fold: what the rows of others add to the counters, each exactly once. What is counted and how far it has come are
 * one commit, so that a kill between any two leaves nothing out and counts nothing twice. A row that is passed while it
 * goes on is put down as open, and counted when it is over.
 */

import { sleep } from '#shared/base/clock.ts';
import { NANO } from '#shared/base/money.ts';
import { DIRECTIONS } from '#shared/metrics/families.ts';
import { bornAt } from '#shared/metrics/standing.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Store } from '#shared/store/store.ts';
import * as fold from '#shared/tables/fold.ts';
import * as fold_open from '#shared/tables/fold_open.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as metric from '#shared/tables/metric.ts';
import * as metric_hour from '#shared/tables/metric_hour.ts';
import type { Op } from '#shared/tables/op.ts';
import { type Tally, tally } from './tally.ts';

/** A portion is read, counted and committed in a few milliseconds; then it is others' turn. */
export const PORTION = 500;
/** So many of the last rows may be removed between two looks, and new ones get their rowids, without any being missed. */
export const KEYS = 64;

type Folded = {
  table: string;
  /** Counts the next portion, and says whether there may be more. */
  step(store: Store, from: fold.Fold | undefined): Promise<boolean>;
};

function folded<Row>(of: fold.Source<Row>, adds: (row: Row, to: Tally) => void): Folded {
  return {
    table: of.table,
    async step(store, from) {
      const place = await placeOf(store, of, from);
      const ended = from ? await store.read(fold.ended(of, PORTION)) : [];
      const passed = await store.read(fold.after(of, place, PORTION));
      const counted = tally();
      for (const row of ended) if (!row.gone) adds(row, counted);
      for (const row of passed) if (row.over) adds(row, counted);
      if (ended.length === 0 && passed.length === 0 && place === from?.upto) return false;
      const upto = passed.at(-1)?.row ?? place;
      const keys = await store.read(fold.upto(of, upto, KEYS));
      const to: fold.Fold = {
        source: of.table,
        upto,
        since: keys.at(-1)?.row ?? upto + 1,
        keys_json: JSON.stringify(keys.map(({ key }) => JSON.parse(key))),
      };
      const open = passed.filter(({ over }) => !over).map(({ key }) => key);
      await store.commit([
        ...growing(counted),
        ...(open.length > 0 ? [fold_open.keep(of.table, open)] : []),
        ...(ended.length > 0
          ? [
              fold_open.drop(
                of.table,
                ended.map(({ key }) => key),
              ),
            ]
          : []),
        fold.move(to, from),
      ]);
      return passed.length === PORTION || ended.length === PORTION;
    },
  };
}

/** Behind the last row that was folded and is still there, under whatever rowid. */
async function placeOf(store: Store, of: fold.Where, from: fold.Fold | undefined): Promise<number> {
  if (!from) return 0;
  const [standing] = await store.read(fold.standing(of, from.keys_json));
  if (standing?.row != null) return standing.row;
  const keys: unknown[] = JSON.parse(from.keys_json);
  // There were no more than these, and they are gone: all that is there is new.
  if (keys.length < KEYS) return 0;
  // All of them are gone: what is there from the first of them on is new.
  const [last] = await store.read(fold.upto(of, from.since - 1, 1));
  return last?.row ?? 0;
}

function growing(counted: Tally): Op[] {
  const { totals, hours } = counted.growth();
  return [
    ...(totals.length > 0 ? [metric.add(totals)] : []),
    ...(hours.length > 0 ? [metric_hour.add(hours)] : []),
  ];
}

/** Canaries are nobody's. */
const CANARY = 'canary';

const FOLDED: readonly Folded[] = [
  folded(fold.calls, (row, to) => {
    const { at, model, status } = row;
    to.add(at, 'agent_requests_total', [model, status]);
    to.add(at, 'agent_target_requests_total', [row.target, status]);
    for (const direction of DIRECTIONS) to.add(at, 'agent_tokens_total', [model, direction], row[direction]);
    to.add(at, 'agent_cost_usd_total', [model], row.cost_nanousd / NANO);
    if (status !== 'ok' || row.kind !== 'message') return;
    if (row.latency_ms !== null)
      to.observe(at, 'agent_request_duration_seconds', [model], row.latency_ms / 1000);
    if (row.first_byte_ms !== null)
      to.observe(at, 'agent_time_to_first_token_seconds', [model], row.first_byte_ms / 1000);
  }),
  folded(fold.messages, ({ at, channel, state, unasked }, to) => {
    if (channel === CANARY || unasked || state === 'refused' || state === 'ignored') return;
    to.add(at, 'agent_messages_total', [channel]);
  }),
  folded(fold.turns, ({ at, channel, outcome, created_at }, to) => {
    if (channel === CANARY) return;
    to.add(at, 'agent_turns_total', [outcome]);
    // Less than nothing: the clock was set back meanwhile.
    if (outcome === 'done')
      to.observe(at, 'agent_turn_duration_seconds', [], Math.max(0, at - created_at) / 1000);
  }),
  folded(fold.toolCalls, ({ at, tool, status }, to) => to.add(at, 'agent_tool_calls_total', [tool, status])),
  folded(fold.slots, ({ at, outcome }, to) => to.add(at, 'agent_cron_slots_total', [outcome])),
  folded(fold.memoryRuns, ({ at, how, outcome }, to) =>
    to.add(at, 'agent_memory_runs_total', [how, outcome]),
  ),
  folded(fold.deliveries, ({ at, channel, outcome }, to) => {
    if (channel !== CANARY) to.add(at, 'agent_deliveries_total', [channel, outcome]);
  }),
];

/** Counts the next portion of each table, and says whether there may be more. */
export async function foldOnce(store: Store, now: number): Promise<boolean> {
  const stood = new Map((await store.read(fold.all)).map((row) => [row.source, row]));
  let more = false;
  for (const { table, step } of FOLDED) more = (await step(store, stood.get(table))) || more;
  await foldStarts(store, stood, now);
  return more;
}

/** A service was started again when another instance of it is seen. */
async function foldStarts(store: Store, stood: ReadonlyMap<string, fold.Fold>, now: number): Promise<void> {
  const beats = await store.read(heartbeat.all);
  for (const { service, instance } of beats.filter(({ worker }) => worker === 0)) {
    const source = `start of ${service}`;
    const from = stood.get(source);
    const keys_json = JSON.stringify([instance]);
    if (from?.keys_json === keys_json) continue;
    const counted = tally();
    if (from) counted.add(bornAt(instance) ?? now, 'agent_service_restarts_total', [service]);
    const move = fold.move({ source, upto: 0, since: 0, keys_json }, from);
    await store.commit([...growing(counted), move]);
  }
}

export type Folding = {
  /** Looks, unless it just did; what there is more than a portion comes later. */
  fresh(): Promise<void>;
};

/** Whoever asks again within this time hears the same, and nobody waits longer. */
const FRESH_ms = 1000;
const LOOK_ms = 5000;

export function folding(ctx: Pick<Context<unknown>, 'store' | 'clock' | 'work'>): Folding {
  const { store, clock } = ctx;
  let going: Promise<boolean> | undefined;
  let looked_at = Number.NEGATIVE_INFINITY;

  /** One at a time: of two that count the same rows, the second would be fenced off. */
  function once(): Promise<boolean> {
    going ??= foldOnce(store, clock.now()).finally(() => {
      going = undefined;
      looked_at = clock.mono();
    });
    return going;
  }

  ctx.work({
    name: 'fold',
    idle_ms: LOOK_ms,
    async look() {
      const began = clock.mono();
      return (await once()) ? clock.mono() - began : null;
    },
    // After a restore, or at its first start, there is much to count: half of the time is others'.
    act: (took_ms) => sleep(took_ms),
  });
  return {
    async fresh() {
      if (clock.mono() - looked_at < FRESH_ms) return;
      const over = new AbortController();
      try {
        // While another program holds the store locked, what is counted already is told.
        await Promise.race([once(), sleep(FRESH_ms, over.signal)]);
      } finally {
        over.abort();
      }
    },
  };
}
