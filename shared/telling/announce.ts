/**
 * Announces incidents, whoever opened them: writes down that they are told, and posts the words for the bridge, in one
 * unit. `alerts` does it, and `watchdog` where that does not; both at the same moment are one, since a unit is void when
 * anything has been announced since it looked.
 */

import type { Clock } from '../base/clock.ts';
import { uuid } from '../base/ids.ts';
import { Fenced, type Store } from '../store/store.ts';
import * as acknowledgement from '../tables/acknowledgement.ts';
import * as outbound from '../tables/outbound.ts';
import * as silence from '../tables/silence.ts';
import * as telling from '../tables/telling.ts';
import * as turn from '../tables/turn.ts';
import { decide, type Item, isRipe, type Sight } from './decide.ts';
import { partOf } from './joined.ts';
import { FLAPPING_ms } from './news.ts';
import { buttonsOf, wordsOf } from './words.ts';

/** What ended longer ago is history. */
const NEWS_ms = 86_400_000;
/** Core tells of an answer that is late by 10 s. */
const SOON_ms = 30_000;

type Desk = { store: Store; clock: Pick<Clock, 'now'> };

type Announcer = {
  owners: readonly number[];
  /** So long it waits for more of the same time, or for the other announcer. */
  patience_ms: number;
  /** How often it reminds of what is critical; left out, of nothing. */
  remind_ms?: number;
};

/** @returns whether anything was announced */
export async function announce({ store, clock }: Desk, announcer: Announcer): Promise<boolean> {
  const now = clock.now();
  const [{ last } = { last: 0 }] = await store.read(telling.last);
  const { say, quietly } = decide(await sightOf(store, announcer, now));
  const news: Item[] = [];
  for (const one of say) {
    const ofModel = await saidOfModel(store, one, announcer.owners, now);
    if (ofModel === 'soon') continue;
    if (ofModel === 'said' || (await saidInChat(store, one, announcer.owners)))
      quietly.push({ one, told: { sender: now } });
    else news.push(one);
  }
  if (!isRipe({ say: news, quietly }, now, announcer.patience_ms)) return false;
  // What is critical waits for nothing that the rest waits for.
  const messages = [...Map.groupBy(news, ({ severity }) => severity === 'critical').values()];
  const ops = [
    telling.asOf(last),
    ...quietly.map(({ one: { id, phase, nth }, told }) =>
      telling.post({ incident_id: id, phase, nth, message: uuid(now), now, told }),
    ),
    ...messages.flatMap((told) => inOneMessage(told, announcer.owners, now)),
  ];
  try {
    await store.commit(ops);
  } catch (error) {
    // The other one was quicker: what is left is looked at anew.
    if (error instanceof Fenced) return false;
    throw error;
  }
  return true;
}

async function sightOf(store: Store, { remind_ms }: Announcer, now: number): Promise<Sight> {
  const [due, ongoing] = await Promise.all([
    store.read(telling.due(now - NEWS_ms, now - FLAPPING_ms)),
    remind_ms === undefined ? [] : store.read(telling.ongoing),
  ]);
  const ended_at = Math.min(now, ...ongoing.map(({ last_at }) => last_at));
  const [recent, silences, seen] = await Promise.all([
    due.some((one) => partOf(one) !== null) ? store.read(telling.recent) : [],
    store.read(silence.since(ended_at)),
    due.length > 0 ? store.read(acknowledgement.ofIncidents(due.map(({ id }) => id))) : [],
  ]);
  return {
    now,
    due,
    recent,
    ongoing,
    silences,
    seen: new Set(seen.map(({ incident_id }) => incident_id)),
    remind_ms: remind_ms ?? 0,
  };
}

function inOneMessage(told: readonly Item[], owners: readonly number[], now: number) {
  const message = uuid(now);
  const urgency = told[0]?.severity === 'critical' ? 'critical' : 'unasked';
  const words = { text: wordsOf(told, now), buttons: buttonsOf(told, message) };
  return [
    ...told.map(({ id, phase, nth }) => telling.post({ incident_id: id, phase, nth, message, now })),
    ...owners.map((owner) =>
      noticeTo(owner, { key: outbound.tellingKey(message, owner), ...words, urgency, now }),
    ),
  ];
}

/** To an owner's private chat. */
export function noticeTo(
  owner: number,
  notice: Pick<outbound.Post, 'key' | 'text' | 'buttons' | 'urgency' | 'edits_key' | 'now'>,
) {
  return outbound.post({
    channel: 'telegram',
    conversation: `telegram:${owner}`,
    chat: String(owner),
    kind: 'notice',
    turn_id: null,
    message_ref: null,
    ...notice,
  });
}

/** Of a turn that is held, core has told its sender itself; what came of it is their own doing. */
async function saidInChat(
  store: Store,
  { cause, service }: Item,
  owners: readonly number[],
): Promise<boolean> {
  if (service !== 'core' || !cause.startsWith('turn ')) return false;
  const [held] = await store.read(turn.of(cause.slice('turn '.length)));
  return held?.channel === 'telegram' && owners.includes(Number(held.chat));
}

/**
 * A model that is away: whoever waits for an answer hears so from core, once it is late, and of the end by the answer. An
 * owner who does needs no second word; while it is not late yet, neither is this.
 */
async function saidOfModel(
  store: Store,
  { cause, phase, opened_at }: Item,
  owners: readonly number[],
  now: number,
): Promise<'said' | 'soon' | 'no'> {
  if (phase !== 'begun' || !/^(breaker|provider) /.test(cause)) return 'no';
  const waiting = (await store.read(turn.unanswered)).filter(({ chat }) => owners.includes(Number(chat)));
  if (waiting.some(({ told_at }) => told_at !== null)) return 'said';
  return waiting.length > 0 && Math.abs(now - opened_at) < SOON_ms ? 'soon' : 'no';
}
