/** /jobs: what is done on a schedule for this conversation, and changes to it. */

import * as schedule from '#shared/tables/schedule.ts';
import { type Act, only } from './control.ts';

const STATE = { pause: 'paused', resume: 'active', delete: 'deleted' } as const;
const isVerb = (word: string): word is keyof typeof STATE => Object.hasOwn(STATE, word);

export const jobs: Act = async ({ store, clock }, press, rest) => {
  const present = await store.read(schedule.of(press.conversation));
  const list = present.map(
    ({ name, state, spec, prompt }) =>
      `${name}${state === 'paused' ? ' (paused)' : ''}: ${spec}: ${prompt.slice(0, 100)}`,
  );
  const listed = list.length > 0 ? list.join('\n') : 'Nothing is done on a schedule here.';
  if (rest === '') {
    return only('told', list.length > 0 ? `${listed}\n\n/jobs pause|resume|delete <name>` : listed);
  }
  const [verb = '', ...words] = rest.split(/\s+/);
  const name = words.join(' ');
  const found = present.find((one) => one.name === name);
  if (!isVerb(verb) || name === '')
    return only('unclear', `Say /jobs pause|resume|delete <name>.\n\n${listed}`);
  if (!found) return only('unknown', `There is no job '${name}' here.\n\n${listed}`);
  const state = STATE[verb];
  if (found.state === state) return only('nothing to do', `${name} is ${state} already.`);
  const { id: _, ...same } = found;
  return {
    outcome: state,
    tell: `${name} is ${state} now.`,
    ops: [schedule.put({ ...same, state, given_by: press.sender, at: clock.now() })],
  };
};
