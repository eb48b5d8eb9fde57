/** Presence: every half minute, who is up and how large; a day's bars are made of it. */

import { standings } from '#shared/metrics/standing.ts';
import type { Context } from '#shared/runtime/context.ts';
import { factsOf } from '#shared/runtime/facts.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as presence from '#shared/tables/presence.ts';

const LOOK_ms = 30_000;

type Looking = Pick<Context<unknown>, 'store' | 'clock' | 'home' | 'halt' | 'shared'>;

export async function look(ctx: Looking, watched_from_at: number): Promise<void> {
  const now = ctx.clock.now();
  const { off } = await factsOf(ctx, watched_from_at);
  const stood = standings(await ctx.store.read(heartbeat.all), { now, off, watched_from_at });
  const looks = stood
    .filter(({ state }) => state !== 'off')
    .map(({ service, state, beat }) => {
      const up = state === 'up';
      return {
        service,
        up,
        rss_bytes: up && beat ? beat.rss_bytes : 0,
        delay_ms: up && beat ? beat.loop_delay_ms : 0,
      };
    });
  await ctx.store.commit([presence.saw(looks, now)]);
}

export function sampling(ctx: Looking & Pick<Context<unknown>, 'every'>, watchedFrom: () => number): void {
  ctx.every('presence', LOOK_ms, () => look(ctx, watchedFrom()));
}
