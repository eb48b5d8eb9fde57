/**
 * A canary's turn: the router is asked, as for any message, and the answer is posted. It goes past everything that is a
 * conversation's: no memory, step, decision, draft or model knows of it. What goes wrong ends it at once, with the reason,
 * for the watchdog to read; the next canary is another one.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, messageOf } from '#shared/base/errors.ts';
import { httpFetch } from '#shared/base/fetch.ts';
import { canaryModel } from '#shared/messages/canary.ts';
import { socketOf } from '#shared/runtime/home.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as turn from '#shared/tables/turn.ts';
import type { Core } from './loop.ts';

/** The conversation of canaries. */
export const CANARY = 'canary';

const LONGEST_ms = 20_000;
const RESTART_ms = 5000;
const LOOK_ms = 250;
const KEEP_ms = 86_400_000;

export async function answerCanary(ctx: Core, mine: turn.Turn): Promise<void> {
  const answer = await patiently(ctx).catch((error: unknown) => ({ error: messageOf(error) }));
  const now = ctx.clock.now();
  const failed = 'error' in answer;
  await ctx.store.commit([
    turn.finish(
      mine,
      failed ? { now, state: 'dead', error: answer.error } : { now, state: 'done', error: null },
    ),
    inbound.close(mine.id, failed ? 'dead' : 'answered'),
    ...(failed ? [] : [posted(mine, answer.text, now)]),
    inbound.forgetCanaries(now - KEEP_ms),
    turn.forgetCanaries(now - KEEP_ms),
  ]);
}

function posted({ id, conversation }: turn.Turn, text: string, now: number) {
  const key = `reply:${id}`;
  const nowhere = { chat: null, message_ref: null };
  return outbound.post({
    key,
    channel: 'canary',
    conversation,
    ...nowhere,
    kind: 'reply',
    turn_id: id,
    text,
    now,
  });
}

/** A router that is being restarted is waited for, as a message would. */
async function patiently(ctx: Core): Promise<{ text: string }> {
  for (const began = ctx.clock.mono(); ; await sleep(LOOK_ms, undefined, { signal: ctx.signal })) {
    try {
      return await asked(ctx);
    } catch (error) {
      const nobody = /^(ENOENT|ECONNREFUSED)$/.test(codeOf(error));
      if (!nobody || ctx.clock.mono() - began > RESTART_ms) throw error;
    }
  }
}

/** Without the SDK: an idle core would be heavier by all of it. */
async function asked({ home, signal }: Core): Promise<{ text: string }> {
  const response = await httpFetch({ socketPath: socketOf(home, 'router') })('http://router/v1/messages', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'x-vigil-service': 'core',
    },
    body: JSON.stringify({
      model: canaryModel,
      max_tokens: 10,
      messages: [{ role: 'user', content: 'Are you there?' }],
    }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(LONGEST_ms)]),
  });
  const body = await response.text();
  if (!response.ok) throw new Error(`the router answered ${response.status}: ${body.slice(0, 200)}`);
  return { text: JSON.parse(body).content[0].text };
}
