/** What a person calls a turn by: its id, a decision's, or a message's of it. */

import * as decision from '../tables/decision.ts';
import * as inbound from '../tables/inbound.ts';
import * as outbound from '../tables/outbound.ts';
import * as turn from '../tables/turn.ts';
import type { Read } from './life.ts';

/** A message that never became a turn has a short life. */
export type Found = { turn: turn.Turn } | { message: inbound.Told };

/** @param what `last`, the beginning of a turn's or a decision's id, an inbound message's, `telegram:<message id>` */
export async function foundBy(read: Read, what: string): Promise<Found | 'nothing' | 'several'> {
  const number = /^(?:telegram:)?(\d{1,15})$/.exec(what)?.[1];
  if (number !== undefined) {
    const [message] = what === number ? await read(inbound.of(Number(number))) : [];
    const [heard] = message ? [message] : await read(inbound.named(number));
    const [said] = heard ? [] : await read(outbound.named(Number(number)));
    const id = heard?.turn_id ?? said?.turn_id;
    const [found] = id ? await read(turn.of(id)) : [];
    if (found) return { turn: found };
    if (heard) return { message: heard };
  }
  return foundById(read, what);
}

/** By a key alone, for whoever cannot wait. @param what `last`, or the beginning of a turn's or a decision's id */
export async function foundById(
  read: Read,
  what: string,
): Promise<{ turn: turn.Turn } | 'nothing' | 'several'> {
  if (what !== 'last' && !/^[0-9a-f-]{8,36}$/i.test(what)) return 'nothing';
  const prefix = what === 'last' ? '' : what.toLowerCase();
  const [first, second] = await read(turn.found(prefix));
  if (first && (what === 'last' || !second)) return { turn: first };
  const [chosen, another] = first ? [] : await read(decision.found(prefix));
  if (second || another) return 'several';
  const [found] = chosen ? await read(turn.of(chosen.turn_id)) : [];
  return found ? { turn: found } : 'nothing';
}
