/** Buttons and commands of core's, from the console: posted where those of a terminal are, and waited for. */

import { sleep } from '#shared/base/clock.ts';
import { uuid } from '#shared/base/ids.ts';
import * as press from '#shared/tables/press.ts';
import type { Done, Visit } from './page.ts';

/** The console's own: what is said here is the owner's, and is remembered with what they say elsewhere. */
export const CONVERSATION = 'terminal:console';
export const SOURCE = 'console';

/** It takes milliseconds, unless core is not there. */
const PATIENCE_ms = 3000;

/** @param data as `press` has it: `good:<turn>`, `/cost` */
export async function pressing({ ctx, by }: Visit, data: string): Promise<Done> {
  const { store, clock } = ctx;
  const now = clock.now();
  const source_key = uuid(now);
  await store.commit([
    press.receive({
      source: SOURCE,
      source_key,
      channel: 'terminal',
      conversation: CONVERSATION,
      chat: null,
      sender: by,
      data: data.toWellFormed(),
      message_ref: null,
      received_at: now,
    }),
  ]);
  const deadline = clock.mono() + PATIENCE_ms;
  do {
    const [found] = await store.read(press.of(SOURCE, source_key));
    if (found?.outcome) return done(found.outcome);
    await sleep(20, ctx.signal);
  } while (clock.mono() < deadline && !ctx.signal.aborted);
  return { say: 'It is kept, and done as soon as core is there.' };
}

const REFUSED = [
  'too late',
  'unknown',
  'not allowed',
  'busy',
  'nothing to stop',
  'no such choice',
  'ambiguous',
];

function done(outcome: string): Done {
  const say = `${outcome.charAt(0).toUpperCase()}${outcome.slice(1)}.`;
  return REFUSED.includes(outcome) ? { say, refused: true } : { say };
}
