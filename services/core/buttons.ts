/**
 * The buttons below a refusal for want of money, and what a press of one does. Pure. A button bears the turn and the
 * attempt that was refused, so that it works once: what is pressed later finds the turn gone on.
 */

import * as allowance from '#shared/tables/allowance.ts';
import type { Op } from '#shared/tables/op.ts';
import type { Buttons } from '#shared/tables/outbound.ts';
import type { Press } from '#shared/tables/press.ts';
import * as turn from '#shared/tables/turn.ts';
import { timeInWords } from './time.ts';

const RAISE_nanousd = 1_000_000_000;
/** The alias of the router's fast tier. */
const CHEAPER = 'quick';

/**
 * The refusal as its sender reads it, with buttons where a channel has them.
 * @param model what was asked for: when that is the cheapest already, nothing cheaper is offered
 */
export function questionOf(
  refused: Pick<turn.Turn, 'id' | 'attempt' | 'channel'>,
  { spend_id, command, tell }: { spend_id: string; command: string | null; tell: string },
  model: string,
): { text: string; buttons: Buttons } {
  if (refused.channel === 'terminal') {
    return { text: command ? `${tell}\nTo have it at once: ${command}` : tell, buttons: [] };
  }
  const button = (text: string, choice: string) => [
    { text, data: `${choice}:${refused.id}:${refused.attempt}` },
  ];
  // Where no money helps, as with a limit of calls, a cheaper model does not either.
  const raise = command ? button(`+$1 ${spanOf(spend_id)}`, 'raise') : [];
  const cheaper = command === null || model === CHEAPER ? [] : button('Cheaper model', 'cheaper');
  return {
    text: tell,
    buttons: [raise, [...cheaper, ...button('Wait', 'wait')]].filter((row) => row.length > 0),
  };
}

/** What its reader may say of an answer. */
export function ratingButtons({ id, channel }: Pick<turn.Turn, 'id' | 'channel'>): Buttons {
  if (channel === 'terminal') return [];
  return [
    [
      { text: '👍', data: `good:${id}` },
      { text: '👎', data: `bad:${id}` },
    ],
  ];
}

/** Asked of whoever thought an answer bad. */
export function faultButtons({ id, channel }: Pick<turn.Turn, 'id' | 'channel'>): Buttons {
  if (channel === 'terminal') return [];
  return [
    [
      { text: 'Made up', data: `made-up:${id}` },
      { text: 'Not helpful', data: `unhelpful:${id}` },
    ],
  ];
}

/** What the owner may say of a turn that is held. */
export function heldButtons({ id, channel }: Pick<turn.Turn, 'id' | 'channel'>): Buttons {
  if (channel === 'terminal') return [];
  return [
    [
      { text: 'Retry', data: `retry:${id}` },
      { text: 'Drop', data: `drop:${id}` },
    ],
  ];
}

/** What a window of a budget (`day 2026-11-22`, `turn …`) is called by a person who is in it. */
function spanOf(spend_id: string): string {
  if (spend_id.startsWith('turn ')) return 'for this answer';
  const kind = /\b(hour|day|month) \S+$/.exec(spend_id)?.[1];
  return kind === 'day' ? 'today' : `this ${kind ?? 'time'}`;
}

export type Effect = { outcome: string; tell: string; ops: Op[] };

/** @param found the turn that the button belongs to */
export function effectOf(press: Press, found: turn.Turn | undefined, now: number): Effect {
  const [choice, , attempt] = press.data.split(':');
  const waits =
    found?.state === 'waiting' &&
    found.attempt === Number(attempt) &&
    found.conversation === press.conversation;
  if (!waits || found.spend_id === null) {
    return { outcome: 'too late', tell: 'That is settled already: nothing was changed.', ops: [] };
  }
  const { spend_id, due_at } = found;
  switch (choice) {
    case 'raise': {
      const raise = allowance.give({ spend_id, nanousd: RAISE_nanousd, by: press.sender, now });
      return {
        outcome: 'raised',
        tell: `Added $1 ${spanOf(spend_id)}; I go on.`,
        ops: [raise, turn.wake(found, now)],
      };
    }
    case 'cheaper':
      return {
        outcome: 'cheaper',
        tell: 'I answer with a cheaper model.',
        ops: [turn.wake(found, now, CHEAPER)],
      };
    case 'wait': {
      const until = spend_id.startsWith('turn ') ? 'is kept until' : 'is answered after';
      return {
        outcome: 'waits',
        tell: `Then it waits: your message ${until} ${timeInWords(due_at)}.`,
        ops: [],
      };
    }
    default:
      return { outcome: 'unknown', tell: 'I do not know this button: nothing was changed.', ops: [] };
  }
}
