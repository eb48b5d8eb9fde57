/**
 * memory: makes of what was said what is remembered, and forgets it for good when told to.
 *
 * It owns `memory` and what belongs to it, `profile`, and the states of `wish`. Each change is one commit with its cause: what
 * was read, or who wished it. Without it nothing new is remembered; what is stays, and is recalled without it.
 */

import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { asks } from './asks.ts';
import { config } from './config.ts';
import { expire } from './expiry.ts';
import { forgetting } from './forget/forgetting.ts';
import { indexing } from './indexing.ts';
import { ensureFound } from './keep.ts';
import { renewProfiles } from './profile.ts';
import { rules } from './rules.ts';
import { runs } from './run/runs.ts';
import { vectors } from './vector/vectors.ts';
import { wishes } from './wishes.ts';

const HOUR_ms = 3_600_000;

export const memory = service({
  name: 'memory',
  config,
  async start(ctx) {
    await ensureFound(ctx);
    // What a restored store has brought back is gone before anything is made of it.
    await forgetting(ctx);
    await renewProfiles(ctx);
    ctx.doing('watching');
    rules(ctx);
    wishes(ctx);
    asks(ctx);
    runs(ctx);
    ctx.every('expiry', HOUR_ms, () => expire(ctx));
    indexing(ctx);
    await vectors(ctx);
  },
});

main(import.meta.filename, memory);
