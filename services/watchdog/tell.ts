/**
 * Sees each message about incidents through, whoever announced it: first by the bridge; what that does not deliver in
 * time, by its own sender; and by the second route when Telegram itself is dead, or it is critical. `alerts` announces; what
 * that leaves lying, this does.
 */

import { backoff_ms } from '#shared/base/backoff.ts';
import { quietUntil } from '#shared/base/quiet.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Secret } from '#shared/runtime/credentials.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as telling from '#shared/tables/telling.ts';
import { announce } from '#shared/telling/announce.ts';
import { TEST_CAUSE } from '#shared/telling/trial.ts';
import { wordsOf } from '#shared/telling/words.ts';
import type { Config } from './config.ts';
import { hasSecond, nextOfTrial, nextStep, type Standing } from './route.ts';
import { hasDirect, hasSecondRoute, sendDirect, sendSecond, type Word } from './send.ts';

type Watchdog = Context<Config>;

/** Within a minute of the network's return everything is told. */
const RETRY = { first_ms: 2_000, most_ms: 20_000 };
/** What `alerts` has not announced in so long, though it beats, it does not. */
const UNANNOUNCED_ms = 10_000;

type Audience = { owners: readonly number[]; bridge: boolean; announcer: boolean };

export async function tellAll(ctx: Watchdog, audience: Audience): Promise<void> {
  const { owners, announcer } = audience;
  const announced = await announce(ctx, { owners, patience_ms: announcer ? UNANNOUNCED_ms : 0 });
  if (announced) ctx.log.info('incidents.announced', { announcer });
  const open = await ctx.store.read(telling.open);
  const messages = Map.groupBy(open, ({ message }) => message);
  for (const [message, told] of messages) await carryOn(ctx, audience, message, told);
}

async function carryOn(
  ctx: Watchdog,
  { owners, bridge }: Omit<Audience, 'announcer'>,
  message: string,
  told: readonly telling.Open[],
): Promise<void> {
  const [first] = told;
  const now = ctx.clock.now();
  if (!first) return;
  const keys = owners.map((owner) => outbound.tellingKey(message, owner));
  const secret = secretOf(ctx);
  const routes: telling.Routes = JSON.parse(first.routes_json);
  const critical = first.severity === 'critical';
  const usual = usualOf(await ctx.store.read(outbound.standing(keys)));
  const standing: Standing = {
    critical,
    age_ms: now - first.posted_at,
    usual,
    bridge,
    held: !critical && usual === 'waiting' && isQuiet(ctx, now),
    routes,
    tries: first.tries,
    second: hasSecondRoute(secret),
    direct: hasDirect(secret),
  };
  const trial = first.cause === TEST_CAUSE;
  const { told: done, take } = trial ? nextOfTrial(standing) : nextStep(standing, ctx.config.untold_s * 1000);
  if (done) {
    if (usual === 'sent') routes.usual = now;
    const error = trial ? first.error : null;
    await ctx.store.commit([telling.tell(message, { told_at: now, routes, due_at: now, error })]);
    return;
  }
  if (take.length === 0 || (first.due_at > now && first.tries > 0)) return;
  const word = {
    text: trial ? first.text : wordsOf(told, now),
    cause: first.cause,
    severity: first.severity,
    at: now,
  };
  const outcome = await speak(ctx, secret, owners, word, { take, routes });
  const heard = !trial && (routes.direct !== undefined || (take.includes('direct') && hasSecond(routes)));
  const due_at = now + backoff_ms(first.tries, RETRY);
  const error = outcome.length > 0 ? outcome.join('; ') : null;
  await ctx.store.commit([telling.tell(message, { told_at: heard ? now : null, routes, due_at, error })]);
  if (error !== null) ctx.log.warn('alarm.unheard', { message, why: error });
  else ctx.log.info('alarm.told', { message });
}

/** Read anew each time, so that a new token counts at once. One that others can read is none, and is said in the log. */
export function secretOf(ctx: Watchdog): Secret | null {
  try {
    return ctx.secret('watchdog');
  } catch (error) {
    ctx.log.error('secret.unread', { error });
    return null;
  }
}

/** When the quiet ends, the bridge is given its time to deliver. */
function isQuiet({ shared, config }: Watchdog, now: number): boolean {
  const quiet = (at: number) => quietUntil(shared.owner.quiet, at) !== null;
  return quiet(now) || quiet(now - config.untold_s * 1000);
}

function usualOf(rows: readonly Pick<outbound.Outbound, 'state'>[]): Standing['usual'] {
  if (rows.length === 0) return 'none';
  const states = rows.map(({ state }) => state);
  if (states.some((state) => state === 'sending')) return 'sending';
  if (states.some((state) => state === 'pending' || state === 'uncertain')) return 'waiting';
  return states.includes('sent') ? 'sent' : 'dead';
}

/** Takes these ways, and the second one when the first is dead. `routes` learns which were heard. @returns what went wrong */
export async function speak(
  { external }: Pick<Watchdog, 'external'>,
  secret: Secret | null,
  owners: readonly number[],
  word: Word,
  { take, routes }: { take: readonly ('direct' | 'second')[]; routes: telling.Routes },
): Promise<string[]> {
  const errors: string[] = [];
  if (take.includes('direct')) {
    const direct = await sendDirect(external, secret, owners, word);
    Object.assign(routes, direct.routes);
    errors.push(...direct.errors);
  }
  const silent = take.includes('direct') && routes.direct === undefined;
  if ((take.includes('second') || silent) && !hasSecond(routes)) {
    const second = await sendSecond(external, secret, word);
    Object.assign(routes, second.routes);
    errors.push(...second.errors);
  }
  return errors;
}
