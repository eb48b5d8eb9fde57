/** What is remembered (/memory), and how it is forgotten (/forget): shown first, and gone once that is confirmed. */

import * as note from '#shared/tables/note.ts';
import { type Act, only } from './control.ts';

/** More than a chat shows on one screen is worth narrowing down. */
const MOST_SHOWN = 30;
const MOST_OFFERED = 8;

export const memory: Act = async ({ store }, press) => {
  const kept = await store.read(note.kept(press.conversation));
  if (kept.length === 0) return only('told', 'I keep no notes of this conversation.');
  const more = kept.length > MOST_SHOWN ? `\n… and ${kept.length - MOST_SHOWN} older ones` : '';
  return only(
    'told',
    `${lines(kept.slice(0, MOST_SHOWN))}${more}\n\n/forget <number or words> takes one back.`,
  );
};

/** `<number> yes` is how it is confirmed where there are no buttons. */
export const forget: Act = async (desk, press, rest) => {
  if (rest === '') return only('unclear', 'Say /forget <number or words>; /memory lists what there is.');
  const [, confirmed] = /^(\d+) yes$/i.exec(rest) ?? [];
  if (confirmed) return forgotten(desk, press, confirmed);
  const kept = await desk.store.read(note.kept(press.conversation));
  const words = rest.toLowerCase();
  const meant = kept.filter(({ id, text }) =>
    /^\d+$/.test(rest) ? id === Number(rest) : text.toLowerCase().includes(words),
  );
  if (meant.length === 0) return only('unknown', 'I have no such note; /memory lists what there is.');
  const offered = meant.slice(0, MOST_OFFERED);
  const how = press.channel === 'terminal' ? '\n\nTo confirm: /forget <number> yes' : '';
  const more = meant.length > offered.length ? `\n… and ${meant.length - offered.length} more` : '';
  return {
    ...only('shown', `Forget this for good?\n${lines(offered)}${more}${how}`),
    buttons: offered.map(({ id }) => [{ text: `Forget ${id}`, data: `forget:${id}` }]),
  };
};

/** The button below what was shown. */
export const forgotten: Act = async ({ store, clock }, press, id) => {
  const found = (await store.read(note.kept(press.conversation))).find((one) => String(one.id) === id);
  if (!found) return only('too late', 'That is forgotten already.');
  const wish = note.post({
    kind: 'forget',
    text: found.text,
    forgets: found.id,
    conversation: press.conversation,
    turn_id: null,
    tainted: 0,
    given_by: press.sender,
    at: clock.now(),
  });
  return { outcome: 'forgotten', tell: `Forgotten: ${found.text.slice(0, 200)}`, ops: [wish] };
};

function lines(notes: readonly note.Note[]): string {
  return notes.map(({ id, text }) => `${id}. ${text.slice(0, 300)}`).join('\n');
}
