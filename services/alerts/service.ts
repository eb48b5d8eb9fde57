/**
 * alerts: holds all against the alert rules, and tells the owner what is wrong and what is over.
 *
 * It owns `alert`, `silence` and `acknowledgement`. What a rule finds is an incident like anybody's, and this service tells
 * of all of them, grouped, by the bridge; what is not delivered the watchdog delivers by itself, and it tells alone while this
 * one is down.
 */

import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { config } from './config.ts';
import { rules } from './engine.ts';
import { ping, type Rounds } from './ping.ts';
import { telling } from './tell.ts';
import { trial } from './trial.ts';
import { wishes } from './wishes.ts';

export const alerts = service({
  name: 'alerts',
  config,
  async start(ctx) {
    const rounds: Rounds = new Map();
    rules(ctx, rounds);
    telling(ctx, rounds);
    wishes(ctx);
    trial(ctx);
    ping(ctx, rounds);
    ctx.doing('watching');
  },
});

main(import.meta.filename, alerts);
