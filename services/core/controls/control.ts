/** What a button or a command is given to decide with, and what it decides. */

import type { Context } from '#shared/runtime/context.ts';
import type { Op } from '#shared/tables/op.ts';
import type { Buttons } from '#shared/tables/outbound.ts';
import type { Press } from '#shared/tables/press.ts';

export type Desk = Pick<Context<unknown>, 'store' | 'clock' | 'shared' | 'home'>;

export type Control = {
  /** In a word or two, for the press's row. */
  outcome: string;
  /** What whoever pressed is told; null: they see it anyway. */
  tell: string | null;
  /** Carried out in the unit that notes the press as handled. */
  ops: Op[];
  buttons?: Buttons;
  /** The turn that `ops` stop: whoever works on it breaks off once they are carried out. */
  stopped?: string;
};

/** @param rest what follows the verb: a button's `<id>:…`, a command's words */
export type Act = (desk: Desk, press: Press, rest: string) => Promise<Control> | Control;

/** Nothing happens but an answer. */
export function only(outcome: string, tell: string): Control {
  return { outcome, tell, ops: [] };
}

export const settled = only('too late', 'That is settled already: nothing was changed.');

/** What others read along with an owner is told of their own conversation alone. */
export function mayShow(press: Press, of: { conversation: string }): boolean {
  const isGroup = press.chat?.startsWith('-') ?? false;
  return of.conversation === press.conversation || (press.owner === 1 && !isGroup);
}

/** Their own conversation is everybody's, all of them are an owner's. */
export function mayTouch(press: Press, of: { conversation: string }): boolean {
  return press.owner === 1 || of.conversation === press.conversation;
}
