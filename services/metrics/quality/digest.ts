/** The week in a message to its owner, on Monday: what it cost, what came of it, and how it was liked. */

import { usd } from '#shared/base/money.ts';
import { dayBefore, type Period } from '#shared/base/period.ts';
import {
  ALL,
  type Counts,
  changeInWords,
  figureIn,
  figures,
  inWords,
  numberOf,
  summed,
  UNUSUAL,
} from '#shared/metrics/quality.ts';
import type { Context } from '#shared/runtime/context.ts';
import { ownersOf } from '#shared/runtime/owners.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as quality from '#shared/tables/quality.ts';
import * as slot from '#shared/tables/slot.ts';
import * as slot_outcome from '#shared/tables/slot_outcome.ts';
import type { Config } from '../config.ts';
import { count, staleDays } from './days.ts';

const JOB = 'weekly report';

export function digests(ctx: Context<Config>): void {
  ctx.work<slot.Slot>({
    name: JOB,
    queue: 'slot',
    idle_ms: 30_000,
    look: async () => (await ctx.store.read(slot.openFor('metrics'))).find(({ job }) => job === JOB),
    act: (due) => tell(ctx, due),
  });
}

async function tell(ctx: Context<Config>, { id, due_at }: slot.Slot): Promise<void> {
  const { store, clock, config, home, persist } = ctx;
  const now = clock.now();
  const end = (state: 'done' | 'skipped', reason: string) =>
    slot_outcome.tell({ slot_id: id, service: 'metrics', state, reason, at: now });
  const owners = config.weekly ? await ownersOf(home.config, store) : [];
  if (owners.length === 0) {
    const why = config.weekly ? 'there is nobody to tell it to' : 'switched off: [metrics] weekly';
    return void (await persist([end('skipped', why)]));
  }
  // Whoever was off over Sunday has not counted it yet.
  for (const day of await staleDays(ctx)) await count(ctx, day);
  const [week, before] = [weekBefore(due_at, 1), weekBefore(due_at, 2)];
  const [counts = {}, earlier = {}] = await Promise.all(
    [week, before].map(async ({ starts_at, ends_at }) =>
      summed(await store.read(quality.between(starts_at, ends_at))).get(ALL),
    ),
  );
  const text = digestOf(week, counts, earlier);
  await persist([
    ...owners.map((owner) =>
      outbound.post({
        key: `report:${id}:${owner}`,
        channel: 'telegram',
        conversation: `telegram:${owner}`,
        chat: String(owner),
        kind: 'notice',
        turn_id: null,
        text,
        message_ref: null,
        urgency: 'unasked',
        now,
      }),
    ),
    end('done', `told ${owners.length === 1 ? 'the owner' : `${owners.length} owners`}`),
  ]);
}

/** From Monday to Monday; the one in which `at` falls is 0 back. */
export function weekBefore(at: number, back: number): Pick<Period, 'starts_at' | 'ends_at'> {
  const since_monday = (new Date(at).getDay() + 6) % 7;
  return {
    starts_at: dayBefore(at, since_monday + 7 * back).starts_at,
    ends_at: dayBefore(at, since_monday + 7 * (back - 1)).starts_at,
  };
}

export function digestOf(
  { starts_at, ends_at }: Pick<Period, 'starts_at' | 'ends_at'>,
  counts: Counts,
  before: Counts,
): string {
  const days = `${dayBefore(starts_at, 0).name} to ${dayBefore(ends_at, 1).name}`;
  const lines = figures.flatMap((figure) => {
    const value = figureIn(figure, counts);
    if (value === null) return [];
    const was = figureIn(figure, before);
    const change = was === null ? null : changeInWords(figure, was, value);
    const grounds = `${Math.round(numberOf(figure, counts)).toLocaleString('en')} ${figure.of}`;
    const warning = figure.unit === 'change' && value > UNUSUAL ? ' ⚠️' : '';
    return `${figure.title}: ${inWords(figure, value)} (${change ? `${change}, ` : ''}${grounds})${warning}`;
  });
  if (lines.length === 0) return `Your week, ${days}: nothing was asked, and nothing spent.`;
  const { cost_nanousd = 0, up = 0, down = 0, made_up = 0, messages = 0 } = counts;
  const thumbs = up + down === 0 ? 'nobody rated an answer' : `👍 ${up} 👎 ${down}`;
  const flags = made_up > 0 ? `, ${made_up} made up by your word` : '';
  return [
    `Your week, ${days}: ${messages} ${messages === 1 ? 'message' : 'messages'} answered for ${usd(cost_nanousd)}; ${thumbs}${flags}.`,
    '',
    ...lines.map((line) => line.replace(/^./, (letter) => letter.toUpperCase())),
    '',
    'vigil report week shows it day by day.',
  ].join('\n');
}
