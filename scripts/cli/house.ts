/** What the verbs share: the store as the command line sees it, a message in, and the answer to it. */

import { accessSync, constants, existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#shared/base/clock.ts';
import { codeOf, Misconfigured } from '#shared/base/errors.ts';
import { uuid } from '#shared/base/ids.ts';
import { type Home, homeOf, lockOf, SYSTEM } from '#shared/runtime/home.ts';
import type { Store } from '#shared/store/store.ts';
import { TERMINAL } from '#shared/tables/conversation.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as press from '#shared/tables/press.ts';
import { NotPermitted } from '../host/permit.ts';

export const CONVERSATION = TERMINAL;
/** Who sits there, and what tells more than a line. */
export const AT = { by: userInfo().username, more: 'vigil status' };

/** @throws NotPermitted when the house is not open to whoever asks: an installation's is to its group alone */
export function reachable(home: Home): Home {
  try {
    accessSync(home.state, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    if (codeOf(error) !== 'EACCES') return home; // it is said elsewhere, better
    const { username } = userInfo();
    throw new NotPermitted(
      `vigil: ${home.state} is closed to ${username}`,
      home.state === SYSTEM.state
        ? `ask with sudo, or become a member: sudo usermod -aG vigil ${username}, from the next login on`
        : 'ask as the user that Vigil runs as',
    );
  }
  return home;
}

/** The store of a home that has been started before. */
export async function openHouse(): Promise<{ home: Home; store: Store }> {
  const home = reachable(homeOf());
  // Not before it is asked for: --help stays quick.
  const { FILE, openStore } = await import('#shared/store/store.ts');
  if (!existsSync(join(home.state, FILE))) {
    throw new Misconfigured(
      `vigil: there is nothing at ${home.directory} yet`,
      'start it once: scripts/start',
    );
  }
  return { home, store: await openStore({ directory: home.state, principal: 'cli' }) };
}

/** Refuses to wait for an answer that nobody is there to give. */
export async function demandRunning(home: Home): Promise<void> {
  const { isLocked } = await import('#shared/store/liveness.ts');
  if (isLocked(lockOf(home, 'core'))) return;
  throw new Misconfigured(`vigil is not running on ${home.directory}`, 'start it: scripts/start --no-chat');
}

/** Puts a message in, as the person at this machine; returns its id. */
export async function say(store: Store, text: string): Promise<number> {
  const now = systemClock.now();
  const [[row]] = await store.commit([
    inbound.receive({
      source: 'terminal',
      source_key: uuid(now),
      channel: 'terminal',
      conversation: CONVERSATION,
      chat: null,
      sender: userInfo().username,
      text: text.toWellFormed(),
      message_ref: null,
      payload_json: '{}',
      received_at: now,
      state: 'pending',
      note: null,
    }),
  ]);
  if (!row) throw new Error('inbound.receive: a new message was taken for an old one');
  return row.id;
}

/** Presses a button, or types a command, as the person at this machine; returns the name to hear of it by. */
export async function pressed(store: Store, data: string): Promise<string> {
  const now = systemClock.now();
  const source_key = uuid(now);
  await store.commit([
    press.receive({
      source: 'terminal',
      source_key,
      channel: 'terminal',
      conversation: CONVERSATION,
      chat: null,
      sender: userInfo().username,
      data: data.toWellFormed(),
      message_ref: null,
      received_at: now,
    }),
  ]);
  return source_key;
}

/** What has come of it; null while nobody has looked at it. */
export async function outcomeOf(store: Store, key: string): Promise<string | null> {
  return (await store.read(press.of('terminal', key)))[0]?.outcome ?? null;
}

/** Looks when the bell rings, and every second in case a ring was lost, until `look` says that it is done. */
export function follow(store: Store, look: () => Promise<boolean>): Promise<void> {
  return new Promise((resolve, reject) => {
    let looking = false;
    let again = false;
    const glance = async () => {
      again = true;
      if (looking) return;
      looking = true;
      try {
        while (again) {
          again = false;
          if (!(await look())) continue;
          stop();
          clearInterval(timer);
          return resolve();
        }
        looking = false;
      } catch (error) {
        stop();
        clearInterval(timer);
        reject(error);
      }
    };
    const stop = store.listen('outbound', glance);
    const timer = setInterval(glance, 1000);
    glance();
  });
}
