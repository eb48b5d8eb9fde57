/** Tells of all incidents, whoever opened them. What of it does not arrive is the watchdog's to see through. */

import type { Context } from '#shared/runtime/context.ts';
import { ownersReader } from '#shared/runtime/owners.ts';
import { announce } from '#shared/telling/announce.ts';
import type { Config } from './config.ts';
import type { Rounds } from './ping.ts';

/** What begins within this time is told together. */
const TOGETHER_ms = 2_000;

export function telling(ctx: Context<Config>, rounds: Rounds): void {
  const ownersNow = ownersReader(ctx);
  const remind_ms = ctx.config.remind_h * 3_600_000;
  rounds.set('tell', ctx.clock.mono());
  ctx.every('tell', TOGETHER_ms, async () => {
    const announced = await announce(ctx, {
      owners: await ownersNow(),
      patience_ms: TOGETHER_ms,
      remind_ms,
    });
    if (announced) ctx.log.info('incidents.announced');
    rounds.set('tell', ctx.clock.mono());
  });
}
