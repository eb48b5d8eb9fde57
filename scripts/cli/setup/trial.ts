/** Whether all of it works: a question that is answered, an alarm that arrives; and what to type in an emergency. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { vigil } from '../installed.ts';
import { withHouse } from './house.ts';
import type { Visit } from './step.ts';

const EMERGENCY = `In an emergency:
  /halt         in the chat: nothing acts any more
  vigil halt    the same, in a shell
  vigil off     nothing runs, also after a reboot
  vigil doctor  what is wrong, and its cure`;

export async function trial(visit: Visit): Promise<boolean> {
  const { desk, place } = visit;
  const all = await withHouse(visit, 'core', () => tried(visit));
  desk.say(EMERGENCY);
  desk.say(
    place
      ? 'You can close this terminal. Vigil runs.'
      : 'Start it with scripts/start, and leave that terminal open.',
  );
  return all;
}

async function tried(visit: Visit): Promise<boolean> {
  const { home, desk } = visit;
  const sent = await desk.during(
    'Asking it something',
    vigil(visit, ['send', '--timeout', '60', 'ping'], false),
  );
  if (sent.code === 0) desk.say(`You: ping\nVigil: ${excerpt(sent.text)}`);
  else desk.warn(`It does not answer: ${excerpt(sent.text)}\ncure: vigil doctor says why`);
  const bot = existsSync(join(home.credentials, 'telegram.env'));
  if (bot) desk.say('Write to your bot now: it answers as well.');
  const alarm = await desk.during('Raising a test alarm', vigil(visit, ['alarm', 'test'], false));
  if (alarm.code === 0) desk.say(alarm.text);
  else desk.warn(`The test alarm did not get through: ${excerpt(alarm.text)}`);
  return sent.code === 0 && alarm.code === 0;
}

function excerpt(text: string): string {
  return text.length > 400 ? `${text.slice(0, 399)}…` : text;
}
