/** The menu of commands that Telegram shows beside the bot. Set at the start, and only when it is another one. */

import { isDeepStrictEqual } from 'node:util';
import type { Api } from 'grammy/web';
import { commands } from '#shared/commands.ts';

const MENU = commands
  .filter(({ hidden }) => !hidden)
  .map(({ name, about }) => ({ command: name, description: about }));

/** @returns whether it was another one */
export async function offerMenu(api: Api, signal: Parameters<Api['getMyCommands']>[1]): Promise<boolean> {
  if (isDeepStrictEqual(await api.getMyCommands({}, signal), MENU)) return false;
  await api.setMyCommands(MENU, {}, signal);
  return true;
}
