/** The buttons below an alarm: `acknowledge` and `silence`. `alerts` does it, and shows it in the alarm itself. */

import * as alert_wish from '#shared/tables/alert_wish.ts';
import * as telling from '#shared/tables/telling.ts';
import { type Act, only } from './control.ts';

const LONGEST_s = 30 * 86_400;

/** `<what>:<the message below which it is>[:<seconds>]` */
export const alerted: Act = async ({ store, clock }, press, rest) => {
  const [kind, about = '', span = ''] = rest.split(':');
  const seconds = Number(span);
  const spans = /^\d{1,9}$/.test(span) && seconds > 0 && seconds <= LONGEST_s;
  if (kind !== 'acknowledge' && !(kind === 'silence' && spans))
    return only('unknown', 'I do not know this button: nothing was changed.');
  const found = await store.read(telling.inMessage(about));
  const open = found.filter(({ closed_at }) => closed_at === null);
  if (open.length === 0) return only('too late', 'That is over already: nothing was changed.');
  const now = clock.now();
  const given = { given_by: press.sender, now };
  return {
    outcome: kind,
    tell: null,
    ops: open.map(({ id, cause }) =>
      kind === 'silence'
        ? alert_wish.post({ kind, about: cause, until_at: now + seconds * 1000, ...given })
        : alert_wish.post({ kind, about: String(id), ...given }),
    ),
  };
};
