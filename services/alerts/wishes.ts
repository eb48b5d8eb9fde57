/**
 * What somebody wants done about alerts, by a button, the command line or the console: done in one unit with its
 * outcome, and shown at once in what the owners were told. Tests are in `trial.ts`.
 */

import { stamp } from '#shared/base/period.ts';
import type { Context } from '#shared/runtime/context.ts';
import { ownersReader } from '#shared/runtime/owners.ts';
import type { Store } from '#shared/store/store.ts';
import * as acknowledgement from '#shared/tables/acknowledgement.ts';
import * as alert_wish from '#shared/tables/alert_wish.ts';
import * as incident from '#shared/tables/incident.ts';
import type { Op } from '#shared/tables/op.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as silence from '#shared/tables/silence.ts';
import * as telling from '#shared/tables/telling.ts';
import { noticeTo } from '#shared/telling/announce.ts';
import { isSilenced, matches } from '#shared/telling/silence.ts';
import { buttonsOf, titleOf } from '#shared/telling/words.ts';
import type { Config } from './config.ts';

type Alerts = Context<Config>;

const LONGEST_ms = 366 * 86_400_000;
const LONGEST_CAUSE = 300;

export function wishes(ctx: Alerts): void {
  const ownersNow = ownersReader(ctx);
  ctx.work<alert_wish.Wish>({
    name: 'wishes',
    queue: 'alert_wish',
    async look() {
      return (await ctx.store.read(alert_wish.pending)).find(({ kind }) => kind !== 'test');
    },
    async act(wish) {
      const now = ctx.clock.now();
      const { outcome, ops, about = [] } = await grant(ctx.store, wish, now);
      await ctx.store.commit([...ops, alert_wish.handled(wish.id, outcome, now)]);
      ctx.log.info('wish.handled', { wish: wish.id, kind: wish.kind, outcome });
      // A death here leaves what is shown as it was, and nothing undone.
      const edits = await editsOf(ctx.store, { wish, about, owners: await ownersNow(), now });
      if (edits.length > 0) await ctx.store.commit(edits);
    },
  });
}

/** `about`: the open incidents that it concerns. */
type Grant = { outcome: string; ops: Op[]; about?: incident.Incident[] };

const refused = (outcome: string): Grant => ({ outcome, ops: [] });

async function grant(store: Store, wish: alert_wish.Wish, now: number): Promise<Grant> {
  const { about, given_by } = wish;
  const id = /^\d{1,15}$/.test(about) ? Number(about) : null;
  switch (wish.kind) {
    case 'acknowledge': {
      const [found] = id === null ? [] : await store.read(incident.of(id));
      if (!found) return refused(`there is no incident ${about}`);
      if (found.closed_at !== null) return refused('it is over already');
      const op = acknowledgement.add({ incident_id: found.id, given_by, at: now });
      return { outcome: 'acknowledged', ops: [op], about: [found] };
    }
    case 'silence': {
      const { until_at, reason } = wish;
      if (about === '' || about.length > LONGEST_CAUSE) return refused('there is no such cause');
      if (until_at === null || until_at <= now || until_at > now + LONGEST_ms)
        return refused('it needs an end: within a year from now');
      const op = silence.add({ cause: about, reason, given_by, until_at, now });
      const open = (await store.read(incident.ongoing)).filter(({ cause }) => matches(about, cause));
      const critical = open.some(({ severity }) => severity === 'critical');
      const outcome = `silent until ${stamp(until_at)}${critical ? ', though it is critical' : ''}`;
      return { outcome, ops: [op], about: open };
    }
    case 'unsilence': {
      const mine = (await store.read(silence.inForce(now))).find((one) => one.id === id);
      if (!mine) return refused('there is no such silence');
      const open = (await store.read(incident.ongoing)).filter(({ cause }) => matches(mine.cause, cause));
      return { outcome: 'ended', ops: [silence.end(mine.id, now)], about: open };
    }
    case 'test':
      throw new Error('wishes: a test is not done here');
  }
}

/** What the owners were told of these, as it stands in their chats, with what is being done about it. */
async function editsOf(
  store: Store,
  of: {
    wish: alert_wish.Wish;
    about: readonly incident.Incident[];
    owners: readonly number[];
    now: number;
  },
): Promise<Op[]> {
  const { wish, about, owners, now } = of;
  const told = await store.read(telling.ofIncidents(about.map(({ id }) => id)));
  const messages = new Set(told.filter(({ phase }) => phase !== 'over').map(({ message }) => message));
  const edits: Op[] = [];
  for (const message of messages) {
    const { note, buttons } = await standingOf(store, message, now);
    for (const owner of owners) {
      const edits_key = outbound.tellingKey(message, owner);
      const [[posted], [shown]] = await Promise.all([
        store.read(outbound.keyed(edits_key)),
        store.read(outbound.refsOf(edits_key)),
      ]);
      // What went out by another route, or in a digest, is no message to change.
      if (!posted || !shown) continue;
      const key = `alert_wish:${wish.id}:${message}:${owner}`;
      const text = [posted.text, note].join('\n\n').trimEnd();
      edits.push(noticeTo(owner, { key, edits_key, text, buttons, urgency: 'asked', now }));
    }
  }
  return edits;
}

async function standingOf(store: Store, message: string, now: number) {
  const open = (await store.read(telling.inMessage(message))).filter(({ closed_at }) => closed_at === null);
  const [acknowledged, silences] = await Promise.all([
    store.read(acknowledgement.ofIncidents(open.map(({ id }) => id))),
    store.read(silence.inForce(now)),
  ]);
  const seen = open.filter(({ id }) => acknowledged.some(({ incident_id }) => incident_id === id));
  const silent = open.filter(({ cause }) => isSilenced(cause, silences, now));
  const of = (some: readonly incident.Incident[]) =>
    some.length < open.length ? ` (${some.map(titleOf).join('; ')})` : '';
  const until_at = Math.max(
    ...silences
      .filter((one) => silent.some(({ cause }) => matches(one.cause, cause)))
      .map((one) => one.until_at),
  );
  const critical = silent.some(({ severity }) => severity === 'critical');
  const notes = [
    ...(seen.length > 0 ? [`👀 Looked after${of(seen)}: no reminder, but its end.`] : []),
    ...(silent.length > 0
      ? [`🔕 Silent until ${stamp(until_at)}${of(silent)}${critical ? ', though it is critical' : ''}.`]
      : []),
  ];
  const done = [
    ...(seen.length === open.length ? ['alert:acknowledge:'] : []),
    ...(silent.length === open.length ? ['alert:silence:'] : []),
  ];
  const buttons = buttonsOf(
    open.map(() => ({ phase: 'begun' })),
    message,
  )
    .map((row) => row.filter(({ data }) => !done.some((prefix) => data.startsWith(prefix))))
    .filter((row) => row.length > 0);
  return { note: notes.join('\n'), buttons };
}
