/**
 * What a test can do to the server and ask of it. Each verb takes one argument that JSON can carry, so that they are
 * the same in this process and over the control API.
 */

import { PATIENCE_ms } from '../scratch.ts';
import type { Fault } from './fault.ts';
import type { documentOf, NewFile } from './file.ts';
import type { Limits } from './flood.ts';
import type { Edit, Press, Say } from './say.ts';
import type { CallRecord } from './server.ts';
import type { Sent } from './world.ts';

export type SentFilter = {
  /** Only what was sent after this `seq`. */
  after?: number;
  chat_id?: number;
  method?: string;
  /** When nothing matches yet, wait so long for the first match. */
  wait_ms?: number;
};

export type Confirmed = {
  /** The highest offset that confirmed an update; 0 when none was. */
  offset: number;
  updates: { update_id: number; at_ms: number }[];
  /** What still waits in the queue. */
  pending: number[];
};

export type Verbs = {
  /** Queues a message from a user. `update_id` is null when the bot does not get it (its kind unwanted, too old). */
  say(message: Say): Promise<{ update_id: number | null; message_id: number }>;
  /** A user changes what they wrote. */
  edit(edit: Edit): Promise<number | null>;
  /** A user puts a file on the server, to `say` it: as `more: { document: … }`, for example. */
  upload(file: NewFile): Promise<ReturnType<typeof documentOf>>;
  /** A user presses a button of a message that bears it. `update_id` as of `say`; `query_id` is what the bot answers to. */
  press(press: Press): Promise<{ update_id: number | null; query_id: string }>;
  /** Queues an update of any kind and shape. */
  push(update: { [kind: string]: unknown }): Promise<number | null>;
  /** Everything that the bot sent or edited, in order. */
  sent(filter?: SentFilter): Promise<Sent[]>;
  /** The latest 10 000 requests, or those of them after a `seq` or of one method. */
  calls(filter?: { after?: number; method?: string }): Promise<CallRecord[]>;
  confirmed(): Promise<Confirmed>;
  fault(fault: Fault): Promise<void>;
  clearFaults(): Promise<void>;
  /** `down`: connections break and new ones are refused. `up`: the same port again. */
  network(state: 'up' | 'down'): Promise<void>;
  /** The token stops to work; a new one may take its place, as BotFather's /revoke gives it. */
  revoke(new_token?: string): Promise<void>;
  /** The user blocks the bot; a group (negative id) throws it out. The bot is told. */
  block(chat_id: number): Promise<void>;
  /** And lets it in again. */
  unblock(chat_id: number): Promise<void>;
  /** A group becomes a supergroup: another chat. */
  migrate(group: { chat_id: number; to: number }): Promise<void>;
  /** Moves the server's clock, by which updates expire and messages are dated. */
  jump(ms: number): Promise<void>;
  /** Turns flood control on, or with {} off. */
  limits(limits: Limits): Promise<void>;
};

export const verb_names = [
  'say',
  'edit',
  'upload',
  'press',
  'push',
  'sent',
  'calls',
  'confirmed',
  'fault',
  'clearFaults',
  'network',
  'revoke',
  'block',
  'unblock',
  'migrate',
  'jump',
  'limits',
] as const satisfies (keyof Verbs)[];

/** The verbs, and with them the wait that a function decides. */
export type Driver = Verbs & {
  waitSent(matches: (sent: Sent) => boolean, timeout_ms?: number): Promise<Sent>;
};

/** The first delivery, past or to come, that matches; an error that tells what came instead. */
export function withWait(verbs: Verbs): Driver {
  async function waitSent(matches: (sent: Sent) => boolean, timeout_ms = PATIENCE_ms): Promise<Sent> {
    const deadline_ms = performance.now() + timeout_ms;
    let last: Sent | undefined;
    for (;;) {
      const wait_ms = Math.max(0, deadline_ms - performance.now());
      const news = await verbs.sent({ after: last?.seq ?? 0, wait_ms });
      const found = news.find(matches);
      if (found) return found;
      if (news.length === 0) break;
      last = news.at(-1);
    }
    const instead = last
      ? `${last.seq} were sent, the last to ${last.chat_id}: ${last.text}`
      : 'nothing was sent';
    throw new Error(`expected a matching message within ${timeout_ms} ms, but ${instead}`);
  }
  return { ...verbs, waitSent };
}
