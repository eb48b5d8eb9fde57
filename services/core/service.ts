/**
 * core: takes what came in, works out the answer, and posts it.
 *
 * It owns `turn`, `step`, `message` and the states of `inbound` and `press`. Messages of a conversation that wait
 * together become one turn; turns of one conversation run one after another, different conversations side by side. A
 * turn ends in one commit: the model's step, the turn's end, the answer in the conversation and the answer on its way.
 *
 * When it dies, its turns are taken up by the next core at their last step. When the model is away, a turn waits with
 * a due time, the sender is told once, and the answer comes when the model is back. When a budget has no room for it, it
 * waits for the next period, and its sender is told at once, with buttons to decide otherwise. What can never be answered
 * is given up, and its sender told why.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Message } from '@anthropic-ai/sdk/resources/messages';
import { Misconfigured } from '#shared/base/errors.ts';
import { uuid } from '#shared/base/ids.ts';
import { withIds } from '#shared/base/log.ts';
import type { Context } from '#shared/runtime/context.ts';
import { socketOf } from '#shared/runtime/home.ts';
import { main } from '#shared/runtime/main.ts';
import { service } from '#shared/runtime/service.ts';
import { inspect } from '#shared/store/inspect.ts';
import { Fenced, REFUSED } from '#shared/store/store.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as inspection from '#shared/tables/inspection.ts';
import * as message from '#shared/tables/message.ts';
import type { Op } from '#shared/tables/op.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as press from '#shared/tables/press.ts';
import * as step from '#shared/tables/step.ts';
import * as turn from '#shared/tables/turn.ts';
import { type Ask, asker } from './ask.ts';
import { effectOf, questionOf, turnOf } from './buttons.ts';
import { config } from './config.ts';
import { conversation, systemPrompt } from './context.ts';
import { diagnose, MOST_CRASHES, verdictOn } from './verdict.ts';

/** At most so many waiting messages become one turn. */
const MOST_MESSAGES = 50;
/** A turn without a sign of progress for so long is aborted and taken up again. */
const LEASE_ms = 120_000;
/** Once the model has answered somebody, those who wait for it try again within this time. */
const SOON_ms = 5_000;
/** On the way down, an answer that is being given, and paid for, has so long to come to its end. */
const GRACE_ms = 8_000;

type Core = Context<{ parallel_turns: number; history_messages: number; longest_message_kb: number }>;

export const core = service({
  name: 'core',
  config,
  async start(ctx) {
    const [adopted] = await ctx.store.commit([turn.adopt(ctx.instance, ctx.clock.now())]);
    if (adopted.length > 0) ctx.log.info('turns.adopted', { turns: adopted.length });
    ctx.doing('waiting for messages');
    const ask = asker(socketOf(ctx.home, 'router'), (ctx.shared.model.idle_s + 30) * 1000);
    const patience = new AbortController();
    ctx.signal.addEventListener('abort', () => setTimeout(() => patience.abort(), GRACE_ms).unref(), {
      once: true,
    });
    ctx.work({
      name: 'turns',
      queue: 'inbound',
      lanes: ctx.config.parallel_turns,
      look: () => claim(ctx),
      act: (mine) => withIds({ turn: mine.id }, () => work(ctx, ask, mine, patience.signal)),
      due: async () => (await ctx.store.read(turn.nextDue))[0]?.due_at ?? null,
    });
    ctx.work({
      name: 'presses',
      queue: 'press',
      look: async () => (await ctx.store.read(press.next))[0],
      act: (pressed) => decide(ctx, pressed),
    });
    ctx.every('check-up', CHECK_UP_ms, () => checkUp(ctx));
  },
});

/** The next turn: one that has waited long enough, or a new one for the oldest message. */
async function claim(ctx: Core): Promise<turn.Turn | undefined> {
  const now = ctx.clock.now();
  const lease = { owner: ctx.instance, boot_id: ctx.boot_id, now, until_at: now + LEASE_ms };
  if ((await ctx.store.read(turn.due(now))).length > 0) {
    const [[resumed]] = await ctx.store.commit([turn.resume(lease)]);
    if (resumed) return resumed;
  }
  if ((await ctx.store.read(inbound.waiting(now))).length === 0) return undefined;
  const id = uuid(now);
  const [[opened]] = await ctx.store.commit([
    turn.open(id, lease),
    // No more than the model will see of the history, or some of them would go unread.
    inbound.take(id, Math.min(MOST_MESSAGES, ctx.config.history_messages)),
    message.heard(id, 1),
  ]);
  return opened;
}

/** Works on the turn until it ends, waits, or turns out to be somebody else's. */
async function work(ctx: Core, ask: Ask, mine: turn.Turn, patience: AbortSignal): Promise<void> {
  const stuck = new AbortController();
  const renewal = setInterval(() => {
    ctx.store.commit([turn.renew(mine, ctx.clock.now() + LEASE_ms)]).catch((error) => {
      if (error instanceof Fenced) stuck.abort(error);
      else ctx.log.warn('lease.unrenewed', { error });
    });
  }, LEASE_ms / 3);
  try {
    await attempt(ctx, ask, mine, AbortSignal.any([patience, stuck.signal]));
  } catch (error) {
    if (error instanceof Fenced) ctx.log.warn('turn.fenced', { error });
    // A turn that stayed in living hands would be taken up by nobody.
    else await failed(ctx, mine, error);
  } finally {
    clearInterval(renewal);
  }
}

async function attempt(ctx: Core, ask: Ask, mine: turn.Turn, signal: AbortSignal): Promise<void> {
  const { store, config, shared } = ctx;
  if (mine.crashes >= MOST_CRASHES) {
    return end(ctx, mine, 'dead', `I have died over this message ${mine.crashes} times and leave it now.`);
  }
  const history = await store.read(message.recent(mine.conversation, config.history_messages, mine.id));
  const longest = Math.max(
    0,
    ...history.filter(({ turn_id }) => turn_id === mine.id).map(({ text }) => text.length),
  );
  if (longest > config.longest_message_kb * 1024) {
    const limit = config.longest_message_kb * 1024;
    return end(
      ctx,
      mine,
      'dead',
      `Your message has ${longest} characters, I read ${limit} at most. Send it in parts.`,
    );
  }
  let answer: Message;
  try {
    answer = await ask(
      {
        model: mine.alias ?? shared.model.name,
        max_tokens: shared.model.max_tokens,
        system: systemPrompt(ctx.clock.now()),
        messages: conversation(history, mine.id),
        turn_id: mine.id,
        conversation: mine.conversation,
      },
      signal,
    );
  } catch (error) {
    return failed(ctx, mine, error);
  }
  await end(ctx, mine, 'done', textOf(answer), [
    step.record({
      turn_id: mine.id,
      round: 1,
      kind: 'model',
      content_json: JSON.stringify(answer.content),
      stop_reason: answer.stop_reason,
      model: answer.model,
      call_id: null,
      at: ctx.clock.now(),
    }),
  ]);
}

/** What the sender reads. An answer without text is said to be one. */
function textOf(answer: Message): string {
  const text = answer.content
    .filter((block) => block.type === 'text')
    .map((block) => block.text)
    .join('')
    .trim();
  if (answer.stop_reason === 'refusal') return text || 'The model declined to answer this.';
  if (text === '') return 'The model gave an answer without any text.';
  return answer.stop_reason === 'max_tokens' ? `${text}\n\n(cut off: the answer may be no longer)` : text;
}

/** The end of a turn, in one commit: nobody will ever see half of it. */
async function end(
  ctx: Core,
  mine: turn.Turn,
  state: 'done' | 'dead',
  text: string,
  before: Op[] = [],
): Promise<void> {
  const now = ctx.clock.now();
  await ctx.persist([
    ...before,
    turn.finish(mine, { now, state, error: state === 'dead' ? text : null }),
    inbound.close(mine.id, state === 'done' ? 'answered' : 'dead'),
    message.said({ conversation: mine.conversation, text, at: now, turn_id: mine.id }),
    reply(mine, 'reply', text, now),
    ...(state === 'done' ? [turn.hasten(now, SOON_ms)] : []),
  ]);
  ctx.log.info('turn.finished', { state, attempt: mine.attempt, took_ms: now - mine.created_at });
}

function reply(
  mine: turn.Turn,
  kind: 'reply' | 'notice',
  text: string,
  now: number,
  more: Partial<Pick<outbound.Post, 'key' | 'buttons'>> = {},
): Op {
  return outbound.post({
    key: `${kind}:${mine.id}`,
    channel: mine.channel,
    conversation: mine.conversation,
    chat: mine.chat,
    kind,
    turn_id: mine.id,
    text: text.toWellFormed(),
    message_ref: mine.message_ref,
    now,
    ...more,
  });
}

/** No answer: wait and say so once, or give up and say why. A drain is nobody's failure. */
async function failed(ctx: Core, mine: turn.Turn, error: unknown): Promise<void> {
  const now = ctx.clock.now();
  if (ctx.signal.aborted) {
    await ctx.persist([
      turn.wait(mine, { now, due_at: now, because: 'drain', told: false, error: 'drained' }),
    ]);
    return;
  }
  const verdict = verdictOn(mine, diagnose(error), now);
  if (verdict.do === 'give up') {
    ctx.log.error('turn.rejected', { error });
    return end(ctx, mine, 'dead', verdict.tell);
  }
  if (verdict.do === 'ask the sender') {
    const { spend_id, due_at } = verdict;
    ctx.log.warn('turn.refused', { error, spend_id, wait_ms: due_at - now });
    const { text, buttons } = questionOf(mine, verdict, mine.alias ?? ctx.shared.model.name);
    await ctx.persist([
      turn.refused(mine, { now, due_at, spend_id, error: verdict.error }),
      reply(mine, 'notice', text, now, { key: `refused:${mine.id}:${mine.attempt}`, buttons }),
    ]);
    return;
  }
  ctx.log.warn('turn.postponed', { error, failures: mine.failures + 1, wait_ms: verdict.due_at - now });
  await ctx.persist([
    turn.wait(mine, {
      now,
      due_at: verdict.due_at,
      because: verdict.because,
      told: verdict.tell !== null,
      error: verdict.error,
    }),
    ...(verdict.tell === null ? [] : [reply(mine, 'notice', verdict.tell, now)]),
  ]);
}

/** What was pressed happens, and its sender is told, in one commit. */
async function decide(ctx: Core, pressed: press.Press): Promise<void> {
  const now = ctx.clock.now();
  const [found] = await ctx.store.read(turn.of(turnOf(pressed.data)));
  const { outcome, tell, ops } = effectOf(pressed, found, now);
  try {
    await ctx.persist([
      ...ops,
      press.handled(pressed.id, outcome, now),
      outbound.post({
        // A button that is pressed again and again is answered once.
        key: `pressed:${pressed.data}`,
        channel: 'telegram',
        conversation: pressed.conversation,
        chat: pressed.chat,
        kind: 'notice',
        turn_id: found?.id ?? null,
        text: tell,
        message_ref: pressed.message_ref,
        now,
      }),
    ]);
    ctx.log.info('press.handled', { press: pressed.id, outcome });
  } catch (error) {
    // The turn went on meanwhile: the next look judges the press anew.
    if (!(error instanceof Fenced)) throw error;
  }
}

/** The store is looked over once per boot, some time after the start, when nobody waits for it. */
const CHECK_UP_ms = 60_000;

async function checkUp(ctx: Core): Promise<void> {
  if ((await ctx.store.read(inspection.of(ctx.boot_id))).length > 0) return;
  const began = ctx.clock.mono();
  const verdict = await inspect(ctx.store.file);
  const took_ms = Math.round(ctx.clock.mono() - began);
  ctx.log.info('store.inspected', { verdict, took_ms });
  if (verdict !== 'ok') {
    writeFileSync(join(ctx.home.state, REFUSED), `${verdict}\n`);
    throw new Misconfigured(
      `store: the check-up found ${ctx.store.file} damaged: ${verdict}`,
      'restore a backup over it',
    );
  }
  const row = { boot_id: ctx.boot_id, finished_at: ctx.clock.now(), verdict, took_ms };
  await ctx.store.commit([inspection.record(row)]);
}

main(import.meta.filename, core);
