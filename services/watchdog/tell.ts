/**
 * Tells the owner of incidents, whoever opened them: each of their two ends once, and all of one time in one message. First
 * by the bridge; what that does not deliver in time, by its own sender; and by the second route when Telegram itself is
 * dead, or it is critical.
 */

import { backoff_ms } from '#shared/base/backoff.ts';
import { uuid } from '#shared/base/ids.ts';
import { quietUntil } from '#shared/base/quiet.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Secret } from '#shared/runtime/credentials.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as telling from '#shared/tables/telling.ts';
import * as turn from '#shared/tables/turn.ts';
import { FLAPPING_ms } from './calm.ts';
import type { Config } from './config.ts';
import { joined, partOf } from './joined.ts';
import { sift } from './news.ts';
import { hasSecond, nextStep, type Standing } from './route.ts';
import { hasSecondRoute, sendDirect, sendSecond, type Word } from './send.ts';
import { wordsOf } from './words.ts';

type Watchdog = Context<Config>;

/** Within a minute of the network's return everything is told. */
const RETRY = { first_ms: 2_000, most_ms: 20_000 };
/** What ended longer ago is history. */
const NEWS_ms = 86_400_000;
/** Core tells of an answer that is late by 10 s. */
const SOON_ms = 30_000;

export type Audience = { owners: readonly number[]; bridge: boolean };

export async function tellAll(ctx: Watchdog, audience: Audience): Promise<void> {
  await postDue(ctx, audience);
  const open = await ctx.store.read(telling.open);
  const messages = Map.groupBy(open, ({ message }) => message);
  for (const [message, told] of messages) await carryOn(ctx, audience, message, told);
}

/** A message for all that nobody has been told of; what is critical waits for nothing that the rest waits for. */
async function postDue(ctx: Watchdog, { owners }: Audience): Promise<void> {
  const now = ctx.clock.now();
  const due = await ctx.store.read(telling.due(now - NEWS_ms, now - FLAPPING_ms));
  const { alone, join } = due.some((one) => partOf(one) !== null)
    ? joined(due, await ctx.store.read(telling.recent))
    : { alone: due, join: [] };
  const { say, drop } = sift(alone, now);
  const unsaid = (one: telling.Due, told: telling.Routes) =>
    telling.post({ incident_id: one.id, phase: one.phase, message: uuid(now), now, told });
  const quietly = [...drop.map((one) => unsaid(one, {})), ...join.map((one) => unsaid(one, { with: now }))];
  if (quietly.length > 0) await ctx.store.commit(quietly);
  const news: telling.Due[] = [];
  for (const one of say) {
    const ofModel = await saidOfModel(ctx, one, owners);
    if (ofModel === 'soon') continue;
    if (ofModel === 'said' || (await saidInChat(ctx, one, owners)))
      await ctx.store.commit([unsaid(one, { sender: now })]);
    else news.push(one);
  }
  const classes = Map.groupBy(news, ({ severity }) => severity === 'critical');
  for (const together of classes.values()) {
    const message = uuid(now);
    await ctx.store.commit([
      ...together.map(({ id, phase }) => telling.post({ incident_id: id, phase, message, now })),
      ...owners.map((owner) => posted({ message, owner, told: together, now })),
    ]);
  }
}

function posted(of: { message: string; owner: number; told: readonly telling.Due[]; now: number }) {
  const { message, owner, told, now } = of;
  return outbound.post({
    key: outbound.tellingKey(message, owner),
    channel: 'telegram',
    conversation: `telegram:${owner}`,
    chat: String(owner),
    kind: 'notice',
    turn_id: null,
    text: wordsOf(told),
    message_ref: null,
    urgency: told[0]?.severity === 'critical' ? 'critical' : 'unasked',
    now,
  });
}

/** Of a turn that is held, core has told its sender itself; what came of it is their own doing. */
async function saidInChat(
  ctx: Watchdog,
  { cause, service }: telling.Due,
  owners: readonly number[],
): Promise<boolean> {
  if (service !== 'core' || !cause.startsWith('turn ')) return false;
  const [held] = await ctx.store.read(turn.of(cause.slice('turn '.length)));
  return held?.channel === 'telegram' && owners.includes(Number(held.chat));
}

/**
 * A model that is away: whoever waits for an answer hears so from core, once it is late, and of the end by the answer. An
 * owner who does needs no second word; while it is not late yet, neither is this.
 */
async function saidOfModel(
  ctx: Watchdog,
  { cause, phase, opened_at }: telling.Due,
  owners: readonly number[],
): Promise<'said' | 'soon' | 'no'> {
  if (phase !== 'begun' || !/^(breaker|provider) /.test(cause)) return 'no';
  const waiting = (await ctx.store.read(turn.unanswered)).filter(({ chat }) => owners.includes(Number(chat)));
  if (waiting.some(({ told_at }) => told_at !== null)) return 'said';
  return waiting.length > 0 && ctx.clock.now() - opened_at < SOON_ms ? 'soon' : 'no';
}

async function carryOn(
  ctx: Watchdog,
  { owners, bridge }: Audience,
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
  };
  const { told: done, take } = nextStep(standing, ctx.config.untold_s * 1000);
  if (done) {
    if (usual === 'sent') routes.usual = now;
    await ctx.store.commit([telling.tell(message, { told_at: now, routes, due_at: now, error: null })]);
    return;
  }
  if (take.length === 0 || (first.due_at > now && first.tries > 0)) return;
  const word = { text: wordsOf(told), cause: first.cause, severity: first.severity, at: now };
  const outcome = await speak(ctx, secret, owners, word, { take, routes });
  const heard = routes.direct !== undefined || (take.includes('direct') && hasSecond(routes));
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
