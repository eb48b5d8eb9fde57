/** What the outside had been told before the cut, against what the store still knows after it. */

import type { Store } from '#shared/store/store.ts';
import type { Heard } from './traffic.ts';

export type Loss = {
  /** Updates that Telegram has forgotten and we have too. */
  updates: number;
  /** Messages that were given to Telegram, of which we no longer know so: they would be sent again. */
  sends: number;
  /** Calls that cost money, without a row that holds it. */
  reservations: number;
};

export async function lossIn(store: Store, heard: readonly Heard[]): Promise<Loss> {
  return {
    updates: await lostUpdates(store, heard),
    sends: await lostSends(store, heard),
    reservations: await lostReservations(store, heard),
  };
}

async function lostUpdates(store: Store, heard: readonly Heard[]): Promise<number> {
  const below = Math.max(0, ...heard.map((what) => (what.kind === 'confirmed' ? what.below : 0)));
  const rows = await store.read<{ key: string }>({
    verb: 'bench.inbound',
    sql: `SELECT substr(source_key, 1, instr(source_key || ':', ':') - 1) || ' ' || coalesce(text, '') AS key FROM inbound`,
    args: [],
  });
  const known = new Set(rows.map(({ key }) => key));
  return heard.filter(
    (what) => what.kind === 'said' && what.update_id < below && !known.has(`${what.update_id} ${what.text}`),
  ).length;
}

/** In each chat the latest message is at least marked as being sent; with it, the earlier ones are marked as sent. */
async function lostSends(store: Store, heard: readonly Heard[]): Promise<number> {
  const rows = await store.read<{ chat: string; text: string; state: string }>({
    verb: 'bench.outbound',
    sql: 'SELECT chat, text, state FROM outbound',
    args: [],
  });
  const states = new Map(rows.map(({ chat, text, state }) => [`${chat} ${text}`, state]));
  const sent = heard.filter((what) => what.kind === 'sent');
  const latest = new Map(sent.map(({ chat, text }) => [chat, text]));
  return sent.filter(({ chat, text }) => {
    const state = states.get(`${chat} ${text}`);
    return state !== 'sent' && !(state === 'sending' && latest.get(chat) === text);
  }).length;
}

async function lostReservations(store: Store, heard: readonly Heard[]): Promise<number> {
  const rows = await store.read<{ text: string }>({
    verb: 'bench.call',
    sql: `SELECT m.text FROM call c JOIN message m ON m.turn_id = c.turn_id WHERE m.role = 'user'`,
    args: [],
  });
  const reserved = new Set(rows.map(({ text }) => text));
  return heard.filter((what) => what.kind === 'asked' && !reserved.has(what.text)).length;
}
