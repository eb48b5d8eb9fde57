/**
 * memory: makes of what was said what is remembered, and forgets it for good when told to.
 */

import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { asks } from './asks.ts';
import { config } from './config.ts';
import { expire } from './expiry.ts';
import { indexing } from './indexing.ts';
import { renewProfiles } from './profile.ts';
import { rules } from './rules.ts';
import { wishes } from './wishes.ts';

const HOUR_ms = 3_600_000;

export const memory = service({
  name: 'memory',
  config,
  async start(ctx) {
    await renewProfiles(ctx);
    ctx.doing('watching');
    indexing(ctx);
    rules(ctx);
    wishes(ctx);
    asks(ctx);
    ctx.every('expiry', HOUR_ms, () => expire(ctx));
  },
});

main(import.meta.filename, memory);
