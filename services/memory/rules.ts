/**
 * The pass by rule: what the owner has stated becomes memories without a model, once a conversation has been still for a
 * while. What was read and what it brought are one commit with how far it was read, so a death costs a second look.
 */

import { createHash } from 'node:crypto';
import { SET_BACK_ms } from '#shared/base/clock.ts';
import { isChat, scopeOf } from '#shared/recall/scope.ts';
import type { Context } from '#shared/runtime/context.ts';
import { ownersOf } from '#shared/runtime/owners.ts';
import * as memory from '#shared/tables/memory.ts';
import type { Unruled } from '#shared/tables/memory_cursor.ts';
import * as memory_cursor from '#shared/tables/memory_cursor.ts';
import * as memory_run from '#shared/tables/memory_run.ts';
import * as message from '#shared/tables/message.ts';
import type { Config } from './config.ts';
import { applyChanges, type Keeper } from './keep.ts';
import { patiently } from './patience.ts';
import { gistOf, sessionsOver } from './rule/gist.ts';
import { changesIn } from './rule/statement.ts';

type Ruler = Keeper & { config: Pick<Config, 'rules_after_s' | 'session_min'> };

/** Of the rules: with others, the same words are another pass. */
const EDITION = 1;
/** So much is looked through at once for what nobody has read. */
const MOST_looked_through = 5000;
/** Where people never stop talking, it is read all the same after so many times the stillness that is waited for. */
const MOST_STILLS = 10;
/** What is read at once, and what of before it for corrections and for the session that it may end. */
const MOST_lines = 500;
const BEFORE_lines = 200;
const CORRECTED_lines = 6;

export function rules(ctx: Context<Config>): void {
  const desk = rulesOf(ctx);
  ctx.work({ name: 'rules', queue: 'message', ...desk });
}

export function rulesOf(ctx: Ruler) {
  /** Up to there all was read: so much less to look through. */
  let low: number | undefined;

  async function behind(): Promise<Unruled[]> {
    low ??= (await ctx.store.read(memory_cursor.low))[0]?.rule_id ?? 0;
    for (;;) {
      const rows: Unruled[] = await ctx.store.read(memory_cursor.unruled(low, MOST_looked_through));
      const chats = rows.filter(({ conversation, first_id }) => first_id !== null && isChat(conversation));
      low = (chats[0]?.first_id ?? Math.max(low, ...rows.map(({ upto_id }) => upto_id)) + 1) - 1;
      if (chats.length > 0 || rows.length === 0) return chats;
    }
  }

  /** When the conversation counts as still, or has gone on for long; at once where the clock was set back since. */
  function dueAt({ at, first_at }: Unruled): number {
    const still_ms = ctx.config.rules_after_s * 1000;
    const due_at = Math.min(at + still_ms, (first_at ?? at) + MOST_STILLS * still_ms);
    return at > ctx.clock.now() + SET_BACK_ms ? 0 : due_at;
  }

  return {
    async look(): Promise<Unruled | undefined> {
      const now = ctx.clock.now();
      return (await behind()).find((one) => dueAt(one) <= now);
    },
    async due(): Promise<number | null> {
      const times = (await behind()).map(dueAt);
      return times.length > 0 ? Math.min(...times) : null;
    },
    act: patiently(
      ({ conversation }: Unruled) => conversation,
      (piece) => readByRule(ctx, piece, low ?? 0),
      async ({ conversation, after_id, upto_id }, error) => {
        ctx.log.error('rules.skipped', { conversation, upto: upto_id, error });
        await ctx.store.commit([memory_cursor.ruled(conversation, after_id, upto_id)]);
      },
    ),
  };
}

async function readByRule(
  ctx: Ruler,
  { conversation, after_id, upto_id }: Unruled,
  low: number,
): Promise<void> {
  const { store, clock, config, home } = ctx;
  const span = { after_id, upto_id, before: BEFORE_lines, most: MOST_lines };
  const all = (await store.read(message.span(conversation, span))).map((one) => ({
    ...one,
    own: one.role === 'user' && one.trust === 3,
  }));
  const fresh = all.filter(({ id }) => id > after_id);
  const last = fresh.at(-1)?.id ?? upto_id;
  const scope = scopeOf(conversation, await ownersOf(home.config, store));
  const known = (await store.read(memory.standing(scope))).filter(({ slot }) => slot !== null);
  const before = all.filter(({ id, own }) => own && id <= after_id).slice(-CORRECTED_lines);
  const own = fresh.filter((one) => one.own);
  const ended = sessionsOver(all, config.session_min * 60_000)
    // Those that were over before were summed up before.
    .filter((session) => following(all, session) > after_id);
  const changes = [...changesIn(own, before, known), ...ended.flatMap((session) => gistOf(session, all))];
  const read = [memory_cursor.ruled(conversation, after_id, last), memory_cursor.reached(low)];
  if (changes.length === 0) {
    await store.commit(read);
    return;
  }
  const input_hash = hashOf(conversation, all);
  const range = { after_id, upto_id: last, created_at: clock.now() };
  const { applied, rejected } = await applyChanges(
    ctx,
    {
      run: { how: 'rule', input_hash },
      opening: [memory_run.ruled({ scope, conversation, input_hash, ...range })],
      finishing: (outcome) => [
        memory_run.counted(input_hash, {
          changes: outcome.applied,
          rejected: outcome.rejected.length,
          problem: outcome.refused,
        }),
        ...read,
      ],
    },
    scope,
    changes,
  );
  ctx.log.info('rules.read', { conversation, upto: last, applied, rejected: rejected.length });
}

/** The first message after a session. */
function following(all: readonly { id: number }[], session: readonly { id: number }[]): number {
  const last = session.at(-1)?.id ?? 0;
  return all.find(({ id }) => id > last)?.id ?? 0;
}

function hashOf(conversation: string, lines: readonly { id: number; text: string }[]): string {
  const words = lines.map(({ id, text }) => [id, text]);
  return createHash('sha256')
    .update(JSON.stringify(['rule', EDITION, conversation, words]))
    .digest('hex');
}
