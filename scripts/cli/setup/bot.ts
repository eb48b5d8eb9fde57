/**
 * The bot, and who its owner is. It is the bridge itself that reads the updates, so that none is lost and there is no
 * second reader to quarrel with: the tap is an ordinary pairing.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { renderUnicodeCompact } from 'uqr';
import { systemClock } from '#shared/base/clock.ts';
import { Misconfigured } from '#shared/base/errors.ts';
import { readSection } from '#shared/runtime/config.ts';
import { readSecret } from '#shared/runtime/credentials.ts';
import type { Home } from '#shared/runtime/home.ts';
import { FILE, openStore, type Store } from '#shared/store/store.ts';
import * as heartbeat from '#shared/tables/heartbeat.ts';
import * as member from '#shared/tables/member.ts';
import { config as telegram } from '../../../services/telegram/config.ts';
import { keepSecret } from '../../host/secrets.ts';
import { linkOf, openPairing } from '../pair.ts';
import { TELEGRAM, whoIs } from '../reach.ts';
import { withSetting } from '../toml.ts';
import { given } from './answers.ts';
import { editConfig } from './edit.ts';
import { renew, withHouse } from './house.ts';
import type { Visit } from './step.ts';

const LOOK_ms = 300;

export const checkToken = (token: string) =>
  /^\d+:[\w-]{20,}$/.test(token) ? undefined : 'expected numbers, a colon, letters: 123456:ABC-…';

export async function bot(visit: Visit): Promise<boolean> {
  const { home, desk, answers } = visit;
  const told = answers.bot;
  const known = readSecret(home, 'telegram');
  const prepared =
    given(told.token, told.token_file) ??
    (await desk.keep('There is a token already. Keep it?', known?.TELEGRAM_BOT_TOKEN));
  if (told.use === 'none' || (prepared === undefined && !desk.asks)) {
    desk.say('Without a bot: talk to Vigil by scripts/vigil chat.');
    return told.use === 'none';
  }
  if (prepared === undefined) {
    desk.say(
      'In Telegram, open @BotFather and send /newbot.\nIt asks for two names, and then shows a token.',
    );
  }
  const apiRoot = told.api_root ?? known?.TELEGRAM_API_ROOT ?? TELEGRAM;
  const found = await askToken({ desk, prepared, apiRoot });
  if (found === null) return false;
  const secret = {
    TELEGRAM_BOT_TOKEN: found.token,
    TELEGRAM_API_ROOT: apiRoot === TELEGRAM ? undefined : apiRoot,
  };
  // The watchdog has its own copy: it speaks when the bridge cannot.
  const readers = ['telegram', 'watchdog'] as const;
  for (const name of readers) keepSecret(home, name, secret);
  await renew(visit, readers);
  desk.say(`It is @${found.name}.`);
  const owners = told.owners ?? (await ownersOf(home));
  if (owners.length > 0) {
    await own(home, owners);
    desk.say(`Its owner: ${owners.join(', ')}. vigil pair lets another one in.`);
    return true;
  }
  for (;;) {
    try {
      const owner = await withHouse(visit, 'telegram', () =>
        pairing({ home, desk, name: found.name, wait_ms: (told.wait_s ?? 600) * 1000 }),
      );
      await own(home, [owner.user_id]);
      desk.say(`You are in, ${owner.name}.`);
      return true;
    } catch (error) {
      if (!(error instanceof Misconfigured) || !desk.asks) throw error;
      desk.warn(error.message);
    }
    const next = await desk.choose(
      'And now?',
      [
        { value: 'again', label: 'Try again' },
        { value: 'later', label: 'Later' },
      ],
      'again',
    );
    if (next === 'later') return false;
  }
}

async function askToken({
  desk,
  prepared,
  apiRoot,
}: { prepared: string | undefined; apiRoot: string } & Pick<Visit, 'desk'>): Promise<{
  token: string;
  name: string;
} | null> {
  let token = prepared;
  for (;;) {
    token ??= await desk.secret('The token', "token_file = '…' below [bot] into the answers", checkToken);
    try {
      const fault = checkToken(token);
      if (fault !== undefined)
        throw new Misconfigured(`the token is none: ${fault}`, 'copy it whole from @BotFather');
      return { token, name: await desk.during('Asking Telegram who it is', whoIs(token, apiRoot)) };
    } catch (error) {
      if (!(error instanceof Misconfigured) || !desk.asks) throw error;
      desk.warn(error.message);
    }
    const next = await desk.choose(
      'And now?',
      [
        { value: 'other', label: 'Paste a token' },
        { value: 'again', label: 'Try this one again' },
        { value: 'later', label: 'Later: without a bot until then' },
      ],
      'other',
    );
    if (next === 'later') return null;
    if (next === 'other') token = undefined;
  }
}

type Waiting = { home: Home; desk: Visit['desk']; name: string; wait_ms: number };

/** Shows the link, and waits for whoever taps it first. */
async function pairing({ home, desk, name, wait_ms }: Waiting): Promise<member.Member> {
  const store = await openStore({ directory: home.state, principal: 'cli' });
  try {
    const began_at = systemClock.now();
    const { code, expires_at } = await openPairing(store);
    const link = linkOf(name, code);
    desk.say(
      `${square(link)}\nScan this, or open ${link}\nand press Start. Whoever does so first is the owner.`,
    );
    const until = Math.min(expires_at, began_at + wait_ms);
    return await desk.during('Waiting for the tap', tapped(store, began_at, until, name));
  } finally {
    await store.close();
  }
}

async function tapped(store: Store, since: number, until: number, name: string): Promise<member.Member> {
  while (systemClock.now() < until) {
    const found = (await store.read(member.current)).find(({ added_at }) => added_at >= since);
    if (found) return found;
    const beat = (await store.read(heartbeat.all)).find((row) => row.service === 'telegram');
    const problem = beat && beat.beat_at >= since ? beat.problem : null;
    if (problem !== null && /\b409\b/.test(problem)) throw quarrel(name, problem);
    await new Promise((resolve) => setTimeout(resolve, LOOK_ms));
  }
  throw new Misconfigured('nobody has tapped the link', 'try again: there is a new link then');
}

function quarrel(name: string, problem: string): Misconfigured {
  return new Misconfigured(
    `another program reads the messages of @${name} (${problem})`,
    'stop it: another Vigil, on another computer perhaps, or what the bot was made for before; or make a new bot',
  );
}

/** Light on dark, as terminals are, with the quiet zone that scanners want. */
export function square(link: string): string {
  return renderUnicodeCompact(link, { border: 2 });
}

/** Those of the config, and those whom a code has let in: such a one taps in vain, for they are in already. */
async function ownersOf(home: Home): Promise<number[]> {
  const { owners } = readSection(home.config, 'telegram', telegram);
  if (!existsSync(join(home.state, FILE))) return owners;
  const store = await openStore({ directory: home.state, principal: 'cli' });
  try {
    const members = await store.read(member.current);
    return [...new Set([...owners, ...members.map(({ user_id }) => user_id)])];
  } finally {
    await store.close();
  }
}

/** In the config too, where the watchdog finds them when the store cannot be opened. */
async function own(home: Home, owners: readonly number[]): Promise<void> {
  const all = [...new Set([...(await ownersOf(home)), ...owners])];
  editConfig(home, (text) => withSetting(text, 'telegram', 'owners', all));
}
