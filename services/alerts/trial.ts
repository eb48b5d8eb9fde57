/**
 * The test of the alarm, on demand and weekly: a message by every way there is, past no service. The bridge and the
 * watchdog carry it as they carry all that is told; what did not arrive is the outcome, and an incident of its own.
 * Where it stands is in the rows alone, so that a death at any line loses nothing and begins no second one.
 */

import { uuid } from '#shared/base/ids.ts';
import { quietUntil } from '#shared/base/quiet.ts';
import type { Context } from '#shared/runtime/context.ts';
import { ownersReader } from '#shared/runtime/owners.ts';
import * as alert_wish from '#shared/tables/alert_wish.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as incident from '#shared/tables/incident.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as slot from '#shared/tables/slot.ts';
import * as slot_outcome from '#shared/tables/slot_outcome.ts';
import * as telling from '#shared/tables/telling.ts';
import { noticeTo } from '#shared/telling/announce.ts';
import { TEST_CAUSE, TEST_TEXT } from '#shared/telling/trial.ts';
import type { Config } from './config.ts';

type Alerts = Context<Config>;

const LOOK_ms = 2_000;
/** The bridge has a minute, and the watchdog looks every few seconds. */
const LONGEST_ms = 90_000;

export function trial(ctx: Alerts): void {
  const ownersNow = ownersReader(ctx);
  ctx.every('trial', LOOK_ms, async () => {
    await askWeekly(ctx);
    const asked = (await ctx.store.read(alert_wish.pending)).filter(({ kind }) => kind === 'test');
    if (asked.length === 0) return;
    const going = (await ctx.store.read(incident.ongoing)).find(({ cause }) => cause === TEST_CAUSE);
    const owners = await ownersNow();
    if (going) return conclude(ctx, { going, asked, owners });
    if (owners.length > 0) return begin(ctx, owners);
    await ctx.store.commit(asked.flatMap((wish) => answered(wish, 'nobody is an owner yet', ctx)));
  });
}

const askerOf = (slot_id: number) => `slot ${slot_id}`;

async function askWeekly({ store, clock, shared }: Alerts): Promise<void> {
  const slots = await store.read(slot.openFor('alerts'));
  if (slots.length === 0) return;
  const now = clock.now();
  const asked = new Set((await store.read(alert_wish.pending)).map(({ given_by }) => given_by));
  const quiet = quietUntil(shared.owner.quiet, now) !== null;
  for (const { id } of slots.filter(({ id }) => !asked.has(askerOf(id)))) {
    const told = { slot_id: id, service: 'alerts', at: now };
    await store.commit(
      quiet
        ? [slot_outcome.tell({ ...told, state: 'skipped', reason: 'it was quiet' })]
        : [
            slot_outcome.tell({ ...told, state: 'started', reason: null }),
            alert_wish.post({ kind: 'test', about: '', given_by: askerOf(id), now }),
          ],
    );
  }
}

/** To whoever asked. The week's slot is done, whatever came of it: a way that fails is an incident of its own. */
function answered({ id, given_by }: alert_wish.Wish, outcome: string, { clock }: Alerts) {
  const at = clock.now();
  const slot_id = /^slot (\d+)$/.exec(given_by)?.[1];
  const told = { slot_id: Number(slot_id), service: 'alerts', state: 'done' as const, reason: outcome, at };
  return [alert_wish.handled(id, outcome, at), ...(slot_id === undefined ? [] : [slot_outcome.tell(told)])];
}

async function begin({ store, clock, log }: Alerts, owners: readonly number[]): Promise<void> {
  const now = clock.now();
  const message = uuid(now);
  // A house without a bridge has one way less.
  const bridge = (await store.read(heartbeat.all)).some(({ service }) => service === 'telegram');
  await store.commit([
    incident.open({ cause: TEST_CAUSE, service: 'alerts', severity: 'info', text: TEST_TEXT, now }),
    telling.begin(TEST_CAUSE, message, now),
    ...(bridge ? owners : []).map((owner) =>
      noticeTo(owner, { key: outbound.tellingKey(message, owner), text: TEST_TEXT, urgency: 'asked', now }),
    ),
  ]);
  log.info('trial.begun', { message });
}

async function conclude(
  ctx: Alerts,
  of: { going: incident.Incident; asked: readonly alert_wish.Wish[]; owners: readonly number[] },
): Promise<void> {
  const { store, clock, log } = ctx;
  const { going, asked, owners } = of;
  const now = clock.now();
  const told = await store.read(telling.ofIncidents([going.id]));
  const begun = told.find(({ phase }) => phase === 'begun');
  if (!begun) throw new Error(`trial: incident ${going.id} was opened by another program`);
  const age_ms = now - begun.posted_at;
  if (begun.told_at === null && age_ms >= 0 && age_ms < LONGEST_ms) return;
  const posted = await store.read(
    outbound.standing(owners.map((owner) => outbound.tellingKey(begun.message, owner))),
  );
  const ways = waysOf(
    begun,
    posted.map(({ state }) => state),
  );
  const outcome = ways.map(({ name, why }) => `${name}: ${why ?? 'arrived'}`).join('\n');
  const failed = ways.filter(({ why }) => why !== null);
  await store.commit([
    incident.close(TEST_CAUSE, 'alerts', now),
    telling.post({ incident_id: going.id, phase: 'over', message: uuid(now), now, told: {} }),
    ...asked.flatMap((wish) => answered(wish, outcome, ctx)),
    ...WAYS.map((name) => {
      const cause = `alarm route ${name}`;
      const why = failed.find((way) => way.name === name)?.why;
      const text = `An alarm does not arrive by ${name === 'direct' ? "the watchdog's own word" : name}: ${why}`;
      return why === undefined
        ? incident.close(cause, 'alerts', now)
        : incident.open({ cause, service: 'alerts', severity: 'warning', text, now });
    }),
  ]);
  log.info('trial.concluded', { outcome });
}

const WAYS = ['bridge', 'direct', 'ntfy', 'webhook'] as const;

/** Each way that is set up, and why nothing arrived by it. Pure. */
export function waysOf(
  {
    routes_json,
    error,
    tries,
    told_at,
  }: Pick<telling.Telling, 'routes_json' | 'error' | 'tries' | 'told_at'>,
  posted: readonly string[],
): { name: (typeof WAYS)[number]; why: string | null }[] {
  const routes: telling.Routes = JSON.parse(routes_json);
  const [, ...parts] = (error ?? '').split(/(?:^|; )(direct|ntfy|webhook): /);
  const why = new Map(
    parts.flatMap((part, n) => (n % 2 === 0 ? [[part, parts[n + 1] ?? '']] : [])) as [string, string][],
  );
  // It tries at least its own word: nothing tried is nobody there.
  if (told_at === null && tries === 0) why.set('direct', 'the watchdog did not take it up');
  // What was told meanwhile by another way the bridge notes as sent.
  const delivered = routes.usual !== undefined || (told_at === null && posted.includes('sent'));
  if (posted.length > 0 && !delivered) why.set('bridge', 'not delivered within a minute');
  return WAYS.flatMap((name) => {
    const arrived = name === 'bridge' ? delivered : routes[name] !== undefined;
    const reason = why.get(name);
    if (!arrived && reason === undefined) return [];
    return [{ name, why: arrived ? null : (reason ?? null) }];
  });
}
