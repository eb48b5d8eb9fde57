/** Gathers what the rules are held against: the gauges, the calls of the window, and now and then the days' tokens. */

import type { Facts as House, Read } from '#shared/metrics/gauges.ts';
import { gaugesOf } from '#shared/metrics/gauges.ts';
import * as call from '#shared/tables/call.ts';
import * as total from '#shared/tables/total.ts';
import type { Ended, Facts } from './judge.ts';

const DAY_ms = 86_400_000;
const HOUR_ms = 3_600_000;

/** @param tokens those of the last time, where they are not due */
export async function gather(
  read: Read,
  house: House,
  of: { now: number; window_ms: number; tokens: Facts['tokens'] },
): Promise<Facts> {
  const { now, tokens } = of;
  const [gauges, calls] = await Promise.all([
    gaugesOf(read, house, now),
    read(call.endedAfter(now - of.window_ms)),
  ]);
  return { now, halted: house.halted, gauges, calls: calls.map(endedOf), tokens };
}

/** As the families count it: whose time is told, and whose is not. */
function endedOf({ model, kind, stream, closed_at, outcome, latency_ms, first_byte_ms }: call.Ended): Ended {
  const timed = outcome === 'ok' && kind === 'message';
  return {
    model,
    closed_at,
    outcome,
    latency_ms: timed ? latency_ms : null,
    first_token_ms: timed && stream === 1 ? first_byte_ms : null,
  };
}

export async function tokensOf(read: Read, now: number): Promise<Facts['tokens']> {
  const [[first], hours] = await Promise.all([
    read(total.first),
    read(total.hours(now - 8 * DAY_ms, now + HOUR_ms)),
  ]);
  return comparedOf(hours, first?.hour_at ?? now, now);
}

/** The last day, and an average one of the week before: of those of its days that are known. */
export function comparedOf(
  hours: readonly { hour_at: number; tokens: number }[],
  first_at: number,
  now: number,
): Facts['tokens'] {
  const day_at = now - DAY_ms;
  const days = Math.min(7, (day_at - first_at) / DAY_ms);
  const sum = (from_at: number, to_at: number) =>
    hours
      .filter(({ hour_at }) => hour_at >= from_at && hour_at < to_at)
      .reduce((all, { tokens }) => all + tokens, 0);
  return { last_day: sum(day_at, now + HOUR_ms), usual_day: sum(day_at - 7 * DAY_ms, day_at) / days, days };
}
