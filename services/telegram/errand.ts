/**
 * The commands that the bridge answers itself, so that they work while core hangs, while no model can be had, and while
 * all is halted.
 */

import { commandList } from '#shared/commands.ts';
import type { Context } from '#shared/runtime/context.ts';
import { halt, haltedBecause, resume } from '#shared/runtime/halt.ts';
import type { Op } from '#shared/tables/op.ts';
import * as outbound from '#shared/tables/outbound.ts';
import { pair } from './pairing.ts';
import { report } from './report.ts';
import type { Errand } from './update.ts';

type Telegram = Context<unknown>;

/** Where its answer goes. */
export type Desk = { conversation: string; chat: string; message_ref: string | null };

/** Does it; what comes of it is for the commit that stores its update. Done twice, it has been done once. */
export async function run(
  ctx: Telegram,
  errand: Errand,
  desk: Desk,
  of: { bot_id: number; owners: ReadonlySet<number> },
): Promise<Op[]> {
  const now = ctx.clock.now();
  const answer = (text: string): Op =>
    outbound.post({
      key: `errand:${errand.key}`,
      channel: 'telegram',
      ...desk,
      kind: 'notice',
      turn_id: null,
      text,
      now,
    });
  switch (errand.do) {
    case 'start':
      return [
        answer(`Hello, ${errand.name}. Write to me as you would to a person. /help shows the commands.`),
      ];
    case 'help':
      return [answer(commandList())];
    case 'status':
      return [answer(await report(ctx, of.bot_id))];
    case 'halt':
      haltFor(ctx, errand);
      return [answer(`All is halted: ${haltedBecause(ctx.home.halted) ?? 'no more'}\n/resume goes on.`)];
    case 'resume': {
      const was = resume(ctx.home.halted);
      ctx.log.warn('halt.ended', { by: errand.sender });
      return [answer(was ? 'It goes on.' : 'Nothing was halted.')];
    }
    case 'pair': {
      const outcome = await pair(ctx, errand, now);
      ctx.log.warn('pairing.tried', { sender: errand.sender, paired: outcome.paired });
      if (!outcome.paired) return [...outcome.ops, answer(outcome.text)];
      // Whoever has let in somebody without meaning to should not learn of it late.
      const told = [...of.owners].map((owner) =>
        outbound.post({
          key: `errand:${errand.key}:${owner}`,
          channel: 'telegram',
          conversation: `telegram:${owner}`,
          chat: String(owner),
          kind: 'notice',
          turn_id: null,
          text: `${errand.name} (${errand.sender}) was let in with a pairing code, as an owner. If that was not you: scripts/vigil members remove ${errand.sender}`,
          message_ref: null,
          now,
        }),
      );
      return [...outcome.ops, answer(outcome.text), ...told];
    }
  }
}

/** The file is all that a halt takes: no store, no network. */
export function haltFor(ctx: Telegram, { sender, name, why }: Extract<Errand, { do: 'halt' }>): void {
  const begun = halt(ctx.home.halted, `/halt by ${name}${why ? `: ${why}` : ''}`);
  if (begun) ctx.log.warn('halt.begun', { by: sender, why });
}
