/** A code was typed: whoever typed the right one, in time and first, is an owner from then on. */

import type { Context } from '#shared/runtime/context.ts';
import * as member from '#shared/tables/member.ts';
import type { Op } from '#shared/tables/op.ts';
import * as pairing from '#shared/tables/pairing.ts';
import * as pairing_attempt from '#shared/tables/pairing_attempt.ts';

/** So many wrong codes, within this time, and no further one is looked at: by one sender, and by all together. */
const MOST_WRONG = { own: 5, all: 20 };
const WITHIN_ms = 600_000;

export type Outcome = { paired: boolean; text: string; ops: Op[] };

export async function pair(
  ctx: Context<unknown>,
  by: { sender: number; name: string; hash: string },
  now: number,
): Promise<Outcome> {
  const attempt = (outcome: pairing_attempt.Attempt['outcome']) =>
    pairing_attempt.record({ sender: String(by.sender), outcome, hash: by.hash, at: now });
  const [wrong] = await ctx.store.read(pairing_attempt.wrongSince(String(by.sender), now - WITHIN_ms));
  if (wrong && (wrong.own >= MOST_WRONG.own || wrong.all >= MOST_WRONG.all)) {
    const text = 'Too many wrong codes. Try again in ten minutes, with a new one.';
    return { paired: false, text, ops: [attempt('refused')] };
  }
  if ((await ctx.store.read(pairing.valid(by.hash, now))).length === 0) {
    const text =
      'This code is wrong, used, or more than ten minutes old. scripts/vigil pair shows a new one.';
    return { paired: false, text, ops: [attempt('wrong')] };
  }
  const row = {
    user_id: by.sender,
    name: by.name,
    role: 'owner',
    given_by: 'a code',
    added_at: now,
  } as const;
  return {
    paired: true,
    text: `You are in, ${by.name}: from now on I do what you say. Write to me, or see /help.`,
    ops: [attempt('paired'), member.add(row)],
  };
}
