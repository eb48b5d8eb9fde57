/**
 * What a model shall read next: of each conversation the sessions that are over and that it has not read, packed into runs;
 * and the days and weeks of which all was read, and that are not summed up. The cursor moves in
 * the commit that plans, so a run that fails costs its own messages a reading, and never the conversation's rest.
 */

import { periodOf, stamp } from '#shared/base/period.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Store } from '#shared/store/store.ts';
import * as memory from '#shared/tables/memory.ts';
import * as memory_cursor from '#shared/tables/memory_cursor.ts';
import * as memory_run from '#shared/tables/memory_run.ts';
import type { Op } from '#shared/tables/op.ts';
import type { Config } from '../config.ts';
import { gap_ms, mostChars, ofPeriod, ofSittings, PAGE, partsOf } from './input.ts';
import { type Period, periodAt } from './period.ts';
import { looked, restOf } from './rest.ts';
import { isWorth, packed, type Said, sittingsOf } from './sitting.ts';

export type Planner = Pick<Context<Config>, 'store' | 'clock' | 'config' | 'log'>;

/** Whoever asked for them commits the `ops`, with the end of what it was asked for. */
export type Planned = { ops: readonly Op[]; runs: number; words: string };

/**
 * @param isReal whether a model is there; asked only when there is something for it
 * @param open sessions that are not over are read too
 */
export async function plan(ctx: Planner, isReal: () => Promise<boolean>, open = false): Promise<Planned> {
  const { store, clock, config } = ctx;
  const now = clock.now();
  if (config.consolidate === 'off') return nothing('[memory] consolidate is off');
  const rest = restOf(
    await store.read(memory_run.yields(now, looked(config.barren_runs))),
    config.barren_runs,
  );
  if (rest && rest.until_at > now) {
    return nothing(
      `the last ${config.barren_runs} runs brought nothing: the next is on ${stamp(rest.until_at)}`,
    );
  }
  const [made] = await store.read(memory_run.plannedSince(periodOf('day', now).starts_at, now));
  // After a rest a single one shows whether there is anything to be had again.
  const room = Math.min(config.runs_per_day - (made?.count ?? 0), rest ? 1 : Number.POSITIVE_INFINITY);
  const { ops, since_at } = await unread(ctx, now, open);
  ops.push(...(await unsummed(store, config, now, since_at)));
  const runs = ops.filter(({ verb }) => verb === 'memory_run.plan').length;
  if (runs > 0 && room <= 0) return nothing(`the ${config.runs_per_day} runs of today are made`);
  if (runs > 0 && !(await isReal())) return nothing('there is no model but the rehearsal');
  // What is not worth asking about is passed over all the same.
  if (runs === 0) return { ...nothing('nothing new was said'), ops };
  const planned = Math.min(runs, room);
  const words = planned === 1 ? '1 run planned' : `${planned} runs planned`;
  return { ops: within(ops, room), runs: planned, words };
}

const nothing = (words: string): Planned => ({ ops: [], runs: 0, words });

/** Up to the one that is one too many: what comes after it, its cursor too, is for another day. */
function within(ops: readonly Op[], room: number): readonly Op[] {
  let runs = 0;
  const end = ops.findIndex(({ verb }) => verb === 'memory_run.plan' && ++runs > room);
  return end === -1 ? ops : ops.slice(0, end);
}

/** With the time of the first message that was not read before. */
async function unread({ store, config }: Planner, now: number, open: boolean) {
  const ops: Op[] = [];
  let since_at = Number.POSITIVE_INFINITY;
  for (const behind of await store.read(memory_cursor.behind)) {
    const { conversation, model_id } = behind;
    const said = await store.read(memory_run.said(conversation, model_id, Number.MAX_SAFE_INTEGER, PAGE));
    const sittings = sittingsOf(said, gap_ms(config), mostChars(config));
    since_at = Math.min(since_at, said[0]?.at ?? since_at);
    const last = said.at(-1);
    // Of the last more may come: later, or on the next page.
    const over = last && (open || now - last.at >= gap_ms(config));
    if (said.length === PAGE ? sittings.length > 1 : !over) sittings.pop();
    ops.push(...opsOf(config, behind, sittings, now));
  }
  return { ops, since_at };
}

function opsOf(
  config: Config,
  { conversation, scope, model_id }: memory_cursor.Behind,
  sittings: readonly Said[][],
  now: number,
): Op[] {
  let after_id = model_id;
  return packed(sittings, mostChars(config)).flatMap((pack): Op[] => {
    const upto_id = pack.at(-1)?.at(-1)?.id ?? after_id;
    const input = ofSittings(pack.filter(isWorth));
    const how = howOf(config);
    const common = { scope, conversation, period: null, starts_at: null, how, after_id, upto_id };
    after_id = upto_id;
    return [
      ...(input ? [memory_run.plan({ ...common, input_hash: input.hash }, now)] : []),
      memory_cursor.moveModel(conversation, upto_id),
    ];
  });
}

const howOf = ({ consolidate }: Config): memory_run.Run['how'] =>
  consolidate === 'batch' ? 'batch' : 'model';

/** So far back days and weeks are summed up that were not: longer than anybody leaves their machine off. */
const BACK: [Period['period'], number][] = [
  ['day', 14],
  ['week', 5],
];

/** Days and weeks, once all that was said in them is; what is being read now is not yet. */
async function unsummed(store: Store, config: Config, now: number, unread_at: number): Promise<Op[]> {
  if ((await store.read(memory_run.open)).length > 0) return [];
  const { starts_at: since } = periodAt('week', now, BACK[1]?.[1]);
  const scopes = await store.read(memory.summarised(since));
  // What began before midnight may not be over yet.
  const upto_at = Math.min(now - gap_ms(config), unread_at);
  const ops: Op[] = [];
  for (const { scope } of scopes) {
    const coming: number[] = [];
    for (const [period, most] of BACK) {
      for (let back = most; back > 0; back -= 1) {
        const span = periodAt(period, now, back);
        // Weeks are made of days.
        const early = coming.some((at) => at >= span.starts_at && at < span.ends_at);
        if (early || upto_at < span.ends_at) continue;
        // Where the owner was in another zone, the same day began at another hour.
        const near_ms = (span.ends_at - span.starts_at) / 2;
        const has = await store.read(
          memory.summaries(scope, span.starts_at - near_ms, span.starts_at + near_ms),
        );
        if (has.some((one) => one.period === period)) continue;
        const input = ofPeriod(await partsOf(store, scope, span), span);
        // One that failed over the same words would fail again.
        if (!input || (await store.read(memory_run.ofInput(input.hash))).length > 0) continue;
        const upto_id = Math.max(...input.messages);
        const common = { scope, conversation: '', period, starts_at: span.starts_at, after_id: 0, upto_id };
        ops.push(memory_run.plan({ ...common, how: howOf(config), input_hash: input.hash }, now));
        coming.push(span.starts_at);
      }
    }
  }
  return ops;
}
