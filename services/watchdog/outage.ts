/**
 * When the store cannot be used: nothing can be written down, so the alarm goes past it, and what was told of it is handed
 * over to the store once that is back.
 */

import { backoff_ms } from '#shared/base/backoff.ts';
import { messageOf } from '#shared/base/errors.ts';
import { uuid } from '#shared/base/ids.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as incident from '#shared/tables/incident.ts';
import * as telling from '#shared/tables/telling.ts';
import type { Config } from './config.ts';
import type { Journal } from './journal.ts';
import { hasSecond } from './route.ts';
import { hasSecondRoute } from './send.ts';
import { secretOf, speak } from './tell.ts';

type Watchdog = Context<Config>;

const CAUSE = 'store';
const RETRY = { first_ms: 2_000, most_ms: 20_000 };

/** The store has failed once more. It is told when it has for a while: a lock that somebody holds for seconds is none of the owner's. */
export async function storeFailed(ctx: Watchdog, journal: Journal, error: unknown): Promise<void> {
  const now = ctx.clock.now();
  const why = messageOf(error).replace(/\n\s*cure: /, ' – cure: ');
  const text = `The store cannot be used, so nobody is answered: ${why}`;
  journal.outage ??= { text, since_at: now, told: {}, tries: 0, due_at: now + patience_ms(ctx) };
  const { outage } = journal;
  const secret = secretOf(ctx);
  const { told } = outage;
  const take = [
    ...(told.direct === undefined ? (['direct'] as const) : []),
    ...(!hasSecond(told) && hasSecondRoute(secret) ? (['second'] as const) : []),
  ];
  if (now < outage.due_at || take.length === 0) return;
  outage.text = text;
  outage.due_at = now + backoff_ms(outage.tries, RETRY);
  outage.tries += 1;
  const word = { text: `⚠️ ${text}`, cause: CAUSE, severity: 'critical' as const, at: now };
  const errors = await speak(ctx, secret, journal.owners, word, { take, routes: told });
  if (errors.length > 0) ctx.log.warn('alarm.unheard', { why: errors.join('; ') });
}

/** Three looks: what is over by the next one is nothing to be woken for. */
function patience_ms({ config }: Watchdog): number {
  return Math.min(15_000, 3 * config.look_s * 1000);
}

/** It is back: what was told becomes rows, and its end is told like any other. */
export async function storeIsBack(ctx: Watchdog, journal: Journal): Promise<void> {
  const { outage } = journal;
  if (outage === null) return;
  const now = ctx.clock.now();
  if (outage.tries > 0) {
    const { text, since_at, told } = outage;
    const wasTold = Object.keys(told).length > 0;
    await ctx.store.commit([
      incident.open({ cause: CAUSE, service: 'watchdog', severity: 'critical', text, now: since_at }),
      ...(wasTold ? [telling.adopt(CAUSE, uuid(now), now, told)] : []),
      incident.close(CAUSE, 'watchdog', now),
    ]);
  }
  journal.outage = null;
}
