/** What can be done to a turn: stopped, once more or let go when it is held, and judged when it is answered. */

import { uuid } from '#shared/base/ids.ts';
import * as decision from '#shared/tables/decision.ts';
import * as draft from '#shared/tables/draft.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as incident from '#shared/tables/incident.ts';
import type { Press } from '#shared/tables/press.ts';
import * as rating from '#shared/tables/rating.ts';
import * as turn from '#shared/tables/turn.ts';
import { faultButtons, heldButtons } from '../buttons.ts';
import { type Act, type Control, type Desk, mayTouch, only, settled } from './control.ts';

/** The Stop button: this turn. */
export const stopTurn: Act = async (desk, press, id) => {
  const [found] = await desk.store.read(turn.of(id));
  if (!found || !mayTouch(press, found) || found.finished_at !== null) {
    return only('too late', 'There is nothing left to stop.');
  }
  return stop(desk, press, found);
};

/** /stop: whatever is in work in this conversation. */
export const stopHere: Act = async (desk, press) => {
  const [found] = await desk.store.read(turn.active(press.conversation));
  return found
    ? stop(desk, press, found)
    : only('nothing to stop', 'There is nothing in work here. /halt stops everything.');
};

async function stop(desk: Desk, press: Press, found: turn.Turn): Promise<Control> {
  const now = desk.clock.now();
  const made = await desk.store.read(decision.ofTurn(found.id));
  return {
    outcome: 'stopped',
    tell: 'Stopped.',
    stopped: found.id,
    ops: [
      turn.stop(found.id, { now, error: `stopped by ${press.sender}` }),
      inbound.close(found.id, 'dead'),
      draft.close(found.id, now),
      incident.close(`turn ${found.id}`, 'core', now),
      decision.record({
        id: uuid(now),
        turn_id: found.id,
        round: made.at(-1)?.round ?? 1,
        call_id: null,
        conversation: found.conversation,
        sender: press.sender,
        model: null,
        action: 'stop',
        subject_json: null,
        reasoning: 'somebody asked for it',
        confidence: null,
        at: now,
      }),
    ],
  };
}

export const retry: Act = async (desk, press, id) => {
  const [found] = await desk.store.read(turn.of(id));
  if (found?.state !== 'held' || !mayTouch(press, found)) return settled;
  // `turn.release` would be fenced off, and this press looked at again and again, with all that wait behind it.
  if ((await desk.store.read(turn.active(found.conversation))).length > 0) {
    const tell = 'I am at another message of yours: press Retry once that is answered.';
    return { ...only('busy', tell), buttons: heldButtons(found) };
  }
  const now = desk.clock.now();
  return {
    outcome: 'released',
    tell: 'I try once more.',
    ops: [turn.release(found, now), incident.close(`turn ${id}`, 'core', now)],
  };
};

export const drop: Act = async (desk, press, id) => {
  const [found] = await desk.store.read(turn.of(id));
  if (found?.state !== 'held' || !mayTouch(press, found)) return settled;
  const why = { now: desk.clock.now(), error: `dropped by ${press.sender}: ${found.error ?? ''}` };
  return {
    outcome: 'dropped',
    tell: 'Then I leave it.',
    ops: [turn.stop(id, why), inbound.close(id, 'dead'), incident.close(`turn ${id}`, 'core', why.now)],
  };
};

/** A thumb is seen on its button; the first one down is asked about. */
export function rate(good: boolean): Act {
  return async (desk, press, id) => {
    const [found] = await desk.store.read(turn.of(id));
    if (!found || !mayTouch(press, found)) return settled;
    const [before] = await desk.store.read(rating.ofTurn(id));
    const why = good ? null : (before?.why ?? null);
    const given = rating.give({ turn_id: id, good, why, sender: press.sender, at: desk.clock.now() });
    const buttons = faultButtons(found);
    const asks = !good && before?.good !== 0 && buttons.length > 0;
    return {
      outcome: good ? 'good' : 'bad',
      tell: asks ? 'What was wrong with it?' : null,
      ops: [given],
      ...(asks && { buttons }),
    };
  };
}

/** What was wrong with an answer. */
export function blame(why: NonNullable<rating.Rating['why']>): Act {
  return async (desk, press, id) => {
    const [found] = await desk.store.read(turn.of(id));
    if (!found || !mayTouch(press, found)) return settled;
    const given = rating.give({ turn_id: id, good: false, why, sender: press.sender, at: desk.clock.now() });
    return { outcome: why, tell: null, ops: [given] };
  };
}
