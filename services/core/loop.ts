/**
 * A turn, from where it stands to where it ends or rests. It goes in rounds: the model is asked, and either it answers, and
 * the turn ends, or it wants tools, and the turn rests until they are done. All that a round brings about is one commit,
 * so that whoever takes the turn up, after a crash or a night, finds it between two rounds.
 */

import { uuid } from '#shared/base/ids.ts';
import type { Found } from '#shared/recall/recall.ts';
import { scopeAt } from '#shared/recall/scope.ts';
import { toldOf } from '#shared/recall/told.ts';
import type { Context } from '#shared/runtime/context.ts';
import * as attachment from '#shared/tables/attachment.ts';
import * as call from '#shared/tables/call.ts';
import * as conversation from '#shared/tables/conversation.ts';
import * as decision from '#shared/tables/decision.ts';
import * as draft from '#shared/tables/draft.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as incident from '#shared/tables/incident.ts';
import * as message from '#shared/tables/message.ts';
import type { Op } from '#shared/tables/op.ts';
import * as outbound from '#shared/tables/outbound.ts';
import * as profile from '#shared/tables/profile.ts';
import * as recalled from '#shared/tables/recalled.ts';
import * as step from '#shared/tables/step.ts';
import * as summary from '#shared/tables/summary.ts';
import * as taint from '#shared/tables/taint.ts';
import * as tool from '#shared/tables/tool.ts';
import * as tool_call from '#shared/tables/tool_call.ts';
import * as turn from '#shared/tables/turn.ts';
import type { Answer, Ask } from './ask.ts';
import { boundReached, repeated } from './bounds.ts';
import { ratingButtons } from './buttons.ts';
import type { Config } from './config.ts';
import type { File, Result, Text } from './content.ts';
import { drafting, isWatched, rowOf } from './draft.ts';
import { heardOf, isEmpty, quotesUs } from './heard.ts';
import { fitting, MOST_HISTORY, messagesOf, type News, sizeOf, told } from './history.ts';
import { commandOf } from './job.ts';
import type { MeaningOf } from './meaning.ts';
import { type Prompt, promptOf } from './prompt.ts';
import { askedOf, recollect } from './recall.ts';
import { inWords, type Reply, replyOf, type Wish } from './reply.ts';
import { isSpent } from './task/bill.ts';

export type Core = Context<Config>;

/** What every turn has at hand. */
export type Desk = {
  ask: Ask;
  meaningOf: MeaningOf;
  /** The owner's standing instructions. */
  persona: () => string | null;
  /** The Telegram ids of those whose house it is. */
  owners: () => Promise<number[]>;
  /** Conversations that have become long. */
  grown: Set<string>;
};

/** At most so many waiting messages are told at once. */
export const MOST_MESSAGES = 50;
/** A turn whose tools are silent for so long looks after them by itself. */
const REST_ms = 86_400_000;
/** Once the model has answered somebody, those who wait for it try again within this time. */
const SOON_ms = 5_000;

/** Where a turn stands: what it has done, and what the model is told next. */
type Stand = {
  steps: step.Step[];
  round: number;
  calls: tool_call.ToolCall[];
  /**
   * What is written down with the answer: the results of the round before, what was heard since, and what is remembered of
   * it.
   */
  news: (News & { round: number })[];
  sources: string[];
  /** The words that were heard since: what is remembered is looked for by them. */
  own: string;
  found: Found[];
  /** How many messages have joined in this round. */
  joined: number;
  /** It was told nothing that could be answered. */
  empty: boolean;
};

/**
 * Works on the turn until it ends or rests.
 * @throws what the asking throws: the caller decides whether to wait
 */
export async function attempt(ctx: Core, desk: Desk, mine: turn.Turn, signal: AbortSignal) {
  const command = await commandOf(ctx.store, mine);
  if (command !== null) return runJob(ctx, mine, command);
  for (;;) {
    const stand = await standOf(ctx, desk, mine);
    if (stand === null) {
      const now = ctx.clock.now();
      await ctx.persist([turn.rest(mine, { now, due_at: now + REST_ms })]);
      return;
    }
    if (stand.empty) {
      const before = newsOf(ctx, mine, stand);
      return end(ctx, mine, stand.round, { state: 'done', text: null, action: 'ignore', before });
    }
    const tooLong = longest(ctx, stand);
    if (tooLong !== null)
      return end(ctx, mine, stand.round, { state: 'dead', text: tooLong, action: 'give up' });
    const bound = (await isSpent(ctx.store, mine.conversation))
      ? 'when the money for it was spent'
      : boundReached(await usedBy(ctx, mine, stand), ctx.config);
    if (bound !== null) {
      const text = `I stopped ${bound}, before I was done. Say "go on" to continue.`;
      return end(ctx, mine, stand.round, {
        state: 'done',
        text,
        action: 'stop',
        before: newsOf(ctx, mine, stand),
      });
    }
    const answer = await asked(ctx, desk, mine, stand, signal);
    if (!(await took(ctx, mine, stand, answer))) return;
  }
}

/** A job that is a command line: one call of a tool, and no model. What came of it, whoever runs the job tells. */
async function runJob(ctx: Core, mine: turn.Turn, command: string): Promise<void> {
  const now = ctx.clock.now();
  const [called] = await ctx.store.read(tool_call.ofTurn(mine.id));
  if (called && isOpen(called))
    return void (await ctx.persist([turn.rest(mine, { now, due_at: now + REST_ms })]));
  if (called) return end(ctx, mine, 1, { state: 'done', text: null, action: 'command' });
  const wish = { use_id: `job_${mine.id}`, tool: 'run_command', input: { command } };
  await ctx.persist([
    ...wished(ctx, mine, { wish, place: 0, round: 1 }, {}),
    turn.rest(mine, { now, due_at: now + REST_ms }),
  ]);
}

function isOpen({ state }: tool_call.ToolCall): boolean {
  return state === 'pending' || state === 'asking' || state === 'running';
}

/** null: tools of its last round are still at work. */
async function standOf(ctx: Core, desk: Desk, mine: turn.Turn): Promise<Stand | null> {
  const { store, clock } = ctx;
  const [steps, calls] = await Promise.all([
    store.read(step.of(mine.id)),
    store.read(tool_call.ofTurn(mine.id)),
  ]);
  const last = steps.findLast(({ kind }) => kind === 'model');
  const round = (last?.round ?? 0) + 1;
  const news: Stand['news'] = [];
  const results = calls.filter((one) => one.round === last?.round);
  if (results.some(isOpen)) return null;
  if (last && results.length > 0)
    news.push({ round: last.round, kind: 'tools', content: results.map(resultOf) });
  // Whose question got no answer asks the very same again: there may be one, paid for, that knows of nothing newer.
  const mayJoin = mine.waits_for === 'tools';
  if (mayJoin && (await store.read(inbound.joining(mine.conversation, clock.now()))).length > 0) {
    await ctx.persist([
      turn.renew(mine, mine.lease_until_at),
      inbound.take(mine.id, MOST_MESSAGES),
      message.heard(mine.id, round, await desk.owners()),
    ]);
  }
  const [messages, attachments] = await Promise.all([
    store.read(message.ofTurn(mine.id)),
    store.read(attachment.ofTurn(mine.id)),
  ]);
  const fresh = messages.filter((one) => one.round === round);
  const answers = quotesUs(fresh) ? await store.read(message.answers(mine.conversation)) : [];
  const heard = heardOf(
    fresh,
    attachments,
    answers.map(({ text }) => text),
  );
  const empty = round === 1 && isEmpty(messages, attachments);
  if (heard.content.length > 0) news.push({ round, kind: 'heard', content: heard.content });
  const joined = round > 1 ? fresh.length : 0;
  const { sources, own } = heard;
  return { steps, round, calls, news, sources, own, found: [], joined, empty };
}

function resultOf({ use_id, state, result_json }: tool_call.ToolCall): Result {
  const content: (Text | File)[] = result_json === null ? [] : JSON.parse(result_json);
  return { type: 'tool_result', tool_use_id: use_id, content, ...(state !== 'done' && { is_error: true }) };
}

function longest(ctx: Core, { news }: Stand): string | null {
  const limit = ctx.config.longest_message_kb * 1024;
  const lengths = news.flatMap(({ kind, content }) =>
    kind === 'heard' ? content.map((block) => (block.type === 'text' ? block.text.length : 0)) : [],
  );
  const most = Math.max(0, ...lengths);
  return most <= limit
    ? null
    : `Your message has ${most} characters, I read ${limit} at most. Send it in parts.`;
}

async function usedBy(ctx: Core, mine: turn.Turn, { round, calls }: Stand) {
  // The first round has used nothing.
  if (round === 1) return { round, worked_ms: 0, tokens: 0 };
  const [used] = await ctx.store.read(call.usedBy(mine.id));
  const tools_ms = calls.reduce((sum, { started_at, finished_at }) => {
    return started_at === null || finished_at === null ? sum : sum + Math.max(0, finished_at - started_at);
  }, 0);
  return { round, worked_ms: (used?.latency_ms ?? 0) + tools_ms, tokens: used?.tokens ?? 0 };
}

/** What else the model is told with it is added to the stand. */
async function asked(
  ctx: Core,
  desk: Desk,
  mine: turn.Turn,
  stand: Stand,
  signal: AbortSignal,
): Promise<Answer> {
  const { store, config, shared } = ctx;
  // What is remembered where the job was set up counts in its runs too.
  const scope = await scopeAt(store.read, mine.conversation, await desk.owners());
  const [[chosen], [before], tools, [known]] = await Promise.all([
    store.read(conversation.of(mine.conversation)),
    store.read(summary.newest(mine.conversation)),
    store.read(tool.all),
    store.read(profile.of(scope)),
  ]);
  const fresh_at = chosen?.fresh_at ?? 0;
  const told_before = before && before.at >= fresh_at ? before : undefined;
  const recent = await store.read(
    step.recent(mine.conversation, {
      after: told_before?.upto_turn_id ?? '',
      since_at: fresh_at,
      most: config.history_turns,
    }),
  );
  const past = fitting(recent, MOST_HISTORY * config.history_kb * 1024);
  const turns = [...new Set(past.map(({ turn_id }) => turn_id))];
  if (turns.length >= config.history_turns || sizeOf(recent) > config.history_kb * 1024)
    desk.grown.add(mine.conversation);
  const taints = turns.length > 0 && stand.round === 1 ? await store.read(taint.ofTurns(turns)) : [];
  const inherited = [
    ...taints.map(({ source }) => source),
    ...(told_before?.taint ? [told_before.taint] : []),
  ].map((source) => `earlier: ${source.replace(/^(earlier: )+/, '')}`);
  stand.found = await remembering(ctx, desk, mine, stand, { scope, turns, fresh_at });
  const { texts, sources } = toldOf(stand.found);
  const content = texts.map((text): Text => ({ type: 'text', text }));
  if (content.length > 0) stand.news.push({ round: stand.round, kind: 'recalled', content });
  stand.sources.push(...inherited, ...sources);
  const { system, tools: offered }: Prompt = promptOf({
    persona: desk.persona(),
    profile: known?.text ?? null,
    tools,
    web_search_uses: config.web_search_uses,
  });
  const writing = drafting(ctx, mine, ctx.clock, stand.round > 1);
  try {
    return await desk.ask(
      {
        model: mine.alias ?? chosen?.alias ?? shared.model.name,
        max_tokens: shared.model.max_tokens,
        system,
        ...(offered.length > 0 && { tools: offered }),
        // In the last round it has to answer with what it has.
        ...(offered.length > 0 && stand.round >= config.rounds && { tool_choice: { type: 'none' } }),
        ...(config.thinking === 'adaptive' && { thinking: { type: 'adaptive' } }),
        messages: messagesOf(told(past, stand.steps, stand.news, told_before?.text ?? null)),
        task: 'chat',
        unasked: mine.unasked === 1,
        turn_id: mine.id,
        conversation: mine.conversation,
        // An answer that was kept for the round before they joined says nothing of them.
        step: `${mine.id}:${stand.round}${stand.joined > 0 ? `+${stand.joined}` : ''}`,
        onText: writing.add,
      },
      signal,
    );
  } finally {
    writing.end();
  }
}

/** What is remembered of the new words, besides what the model is told word for word. */
async function remembering(
  ctx: Core,
  desk: Desk,
  mine: turn.Turn,
  { own }: Stand,
  { scope, turns, fresh_at }: { scope: string; turns: readonly string[]; fresh_at: number },
): Promise<Found[]> {
  const budget_tokens = ctx.config.recall_tokens;
  if (own === '' || budget_tokens === 0) return [];
  const [before] = await ctx.store.read(message.before(mine.id, mine.conversation, fresh_at));
  const text = askedOf(own, before?.text);
  const except_turns = [...turns, mine.id];
  const meaning = await desk.meaningOf(mine, text);
  const question = { scope, text, now: ctx.clock.now(), budget_tokens, except_turns };
  return recollect(ctx, mine.id, meaning ? { ...question, meaning } : question);
}

/** Writes down what the model said. @returns whether it is to be asked again at once */
async function took(
  ctx: Core,
  mine: turn.Turn,
  stand: Stand,
  { message: said, call_id }: Answer,
): Promise<boolean> {
  const now = ctx.clock.now();
  const { round } = stand;
  const reply = replyOf(said);
  const before: Op[] = [
    ...newsOf(ctx, mine, stand),
    step.record({
      turn_id: mine.id,
      round,
      kind: 'model',
      content_json: JSON.stringify(said.content),
      stop_reason: said.stop_reason,
      model: said.model,
      call_id,
      at: now,
    }),
  ];
  const grounds = { call_id, model: said.model, reasoning: reply.reasoning, confidence: reply.confidence };
  // The provider's own tools have taken long: it wants to go on from where it is.
  if (said.stop_reason === 'pause_turn') {
    await ctx.persist([turn.renew(mine, mine.lease_until_at), ...before]);
    return true;
  }
  // An answer that was cut off in the middle of a wish is no wish.
  if (reply.wishes.length === 0 || said.stop_reason !== 'tool_use') {
    await end(ctx, mine, round, {
      state: 'done',
      text: textOf(said.stop_reason, reply),
      action: 'answer',
      before,
      ...grounds,
    });
    return false;
  }
  const loop = repeated(reply.wishes, stand.calls);
  if (loop) {
    const text = `I stopped: I was about to do the same thing for the third time (${inWords(loop)}).`;
    await end(ctx, mine, round, { state: 'done', text, action: 'stop', before, ...grounds });
    return false;
  }
  const wishes = reply.wishes.map((wish, place) => wished(ctx, mine, { wish, place, round }, grounds));
  await ctx.persist([
    ...before,
    ...wishes.flat(),
    ...(isWatched(mine)
      ? [rowOf(mine, { text: reply.text, status: reply.wishes.map(inWords).join('\n'), now })]
      : []),
    turn.rest(mine, { now, due_at: now + REST_ms }),
  ]);
  ctx.log.info('tools.wanted', { round, tools: reply.wishes.map((wish) => wish.tool) });
  return false;
}

type Grounds = Partial<Pick<decision.Decision, 'call_id' | 'model' | 'reasoning' | 'confidence'>>;

function wished(
  ctx: Core,
  mine: turn.Turn,
  { wish, place, round }: { wish: Wish; place: number; round: number },
  grounds: Grounds,
): Op[] {
  const now = ctx.clock.now();
  const { conversation, channel, chat, sender } = mine;
  const chosen = decided(
    ctx,
    mine,
    round,
    { action: `tool ${wish.tool}`, ...grounds },
    JSON.stringify(wish.input),
  );
  return [
    chosen.op,
    tool_call.ask({
      id: uuid(now),
      turn_id: mine.id,
      round,
      place,
      use_id: wish.use_id,
      decision_id: chosen.id,
      ...{ conversation, channel, chat, sender },
      tool: wish.tool,
      input_json: JSON.stringify(wish.input),
      now,
    }),
  ];
}

/** A decision, and the operation that writes it down. */
export function decided(
  ctx: Core,
  mine: turn.Turn,
  round: number,
  how: Grounds & { action: string },
  subject_json: string | null,
) {
  const now = ctx.clock.now();
  const id = uuid(now);
  const { call_id = null, model = null, reasoning = null, confidence = null, action } = how;
  const { id: turn_id, conversation, sender } = mine;
  const row = {
    id,
    turn_id,
    round,
    conversation,
    sender,
    call_id,
    model,
    action,
    subject_json,
    reasoning,
    confidence,
    at: now,
  };
  return { id, op: decision.record(row) };
}

/** What the model was told for the first time in this round, and whose words were in it. */
function newsOf(ctx: Core, { id: turn_id }: turn.Turn, { news, sources, round, found }: Stand): Op[] {
  const at = ctx.clock.now();
  return [
    ...news.map(({ round, kind, content }) =>
      step.record({
        turn_id,
        round,
        kind,
        content_json: JSON.stringify(content),
        stop_reason: null,
        model: null,
        call_id: null,
        at,
      }),
    ),
    ...found.map(({ kind, id, score, why }, place) =>
      recalled.note({ turn_id, round, place, kind, ref: id, score, why_json: JSON.stringify(why), at }),
    ),
    ...sources.map((source) => taint.note({ turn_id, source, at })),
  ];
}

/** What the sender reads. An answer without text is said to be one. */
function textOf(stop_reason: string | null, { text }: Reply): string {
  if (stop_reason === 'refusal') return text || 'The model declined to answer this.';
  if (text === '') return 'The model gave an answer without any text.';
  return stop_reason === 'max_tokens' ? `${text}\n\n(cut off: the answer may be no longer)` : text;
}

/** The end of a turn, in one commit: nobody will ever see half of it. @param how without a text, nobody is told */
export async function end(
  ctx: Core,
  mine: turn.Turn,
  round: number,
  how: Grounds & { state: 'done' | 'dead'; text: string | null; action: string; before?: Op[] },
): Promise<void> {
  const now = ctx.clock.now();
  const { state, text, before = [] } = how;
  await ctx.persist([
    ...before,
    decided(ctx, mine, round, how, null).op,
    turn.finish(mine, { now, state, error: state === 'dead' ? text : null }),
    inbound.close(mine.id, state === 'done' ? 'answered' : 'dead'),
    draft.close(mine.id, now),
    ...(text === null ? [] : answered(mine, state, text, now)),
    incident.close(`turn ${mine.id}`, 'core', now),
    ...(state === 'done' ? [turn.hasten(now, SOON_ms)] : []),
  ]);
  ctx.log.info('turn.finished', { state, round, attempt: mine.attempt, took_ms: now - mine.created_at });
}

function answered(mine: turn.Turn, state: 'done' | 'dead', text: string, now: number): Op[] {
  const more = state === 'done' ? { format: 'markdown' as const, buttons: ratingButtons(mine) } : {};
  return [
    message.said({ conversation: mine.conversation, text, at: now, turn_id: mine.id }),
    ...reply(mine, 'reply', text, now, more),
  ];
}

/** What its sender is told; nothing in a conversation that nobody watches. */
export function reply(
  mine: turn.Turn,
  kind: 'reply' | 'notice',
  text: string,
  now: number,
  more: Partial<Pick<outbound.Post, 'key' | 'buttons' | 'format'>> = {},
): Op[] {
  if (!isWatched(mine)) return [];
  return [
    outbound.post({
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
    }),
  ];
}
