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
import { Misconfigured, messageOf } from '#shared/base/errors.ts';
import { uuid } from '#shared/base/ids.ts';
import { withIds } from '#shared/base/log.ts';
import { embedAt } from '#shared/recall/embed.ts';
import { socketOf } from '#shared/runtime/home.ts';
import { main } from '#shared/runtime/main.ts';
import { ownersReader } from '#shared/runtime/owners.ts';
import { service } from '#shared/runtime/service.ts';
import { inspect } from '#shared/store/inspect.ts';
import { Fenced, REFUSED } from '#shared/store/store.ts';
import * as draft from '#shared/tables/draft.ts';
import * as inbound from '#shared/tables/inbound.ts';
import * as incident from '#shared/tables/incident.ts';
import * as inspection from '#shared/tables/inspection.ts';
import * as message from '#shared/tables/message.ts';
import * as press from '#shared/tables/press.ts';
import * as slot from '#shared/tables/slot.ts';
import * as turn from '#shared/tables/turn.ts';
import { asker } from './ask.ts';
import { heldButtons, questionOf } from './buttons.ts';
import { answerCanary, CANARY } from './canary.ts';
import { compact } from './compact.ts';
import { config } from './config.ts';
import { only } from './controls/control.ts';
import { control, unitOf } from './controls.ts';
import { attempt, type Core, type Desk, decided, end, MOST_MESSAGES, reply } from './loop.ts';
import { meaningReader } from './meaning.ts';
import { personaReader } from './prompt.ts';
import { tasks } from './tasks.ts';
import { diagnose, MOST_CRASHES, verdictOn } from './verdict.ts';

/** What a claim is renewed to, a third of it before its end: to be seen by, for nobody takes one from the living. */
const LEASE_ms = 120_000;
/** On the way down, an answer that is being given, and paid for, has so long to come to its end. */
const GRACE_ms = 8_000;

/** What is being asked of the model just now, turn by turn, so that it can be stopped. */
type InWork = Map<string, AbortController>;

export const core = service({
  name: 'core',
  config,
  async start(ctx) {
    const [adopted] = await ctx.store.commit([turn.adopt(ctx.instance, ctx.clock.now())]);
    if (adopted.length > 0) ctx.log.info('turns.adopted', { turns: adopted.length });
    ctx.doing('waiting for messages');
    const desk: Desk = {
      ask: asker(socketOf(ctx.home, 'router'), (ctx.shared.model.idle_s + 30) * 1000),
      meaningOf: meaningReader(ctx, embedAt(socketOf(ctx.home, 'router'))),
      persona: personaReader(ctx.home.persona),
      owners: ownersReader(ctx),
      grown: new Set(),
    };
    const patience = new AbortController();
    ctx.signal.addEventListener('abort', () => setTimeout(() => patience.abort(), GRACE_ms).unref(), {
      once: true,
    });
    const inWork: InWork = new Map();
    ctx.halt.onChange((halted) => {
      if (halted) for (const turn of inWork.values()) turn.abort(new Error('all is halted'));
    });
    ctx.work({
      name: 'turns',
      queue: 'inbound',
      halts: true,
      lanes: ctx.config.parallel_turns,
      look: () => claim(ctx, desk),
      act: (mine) => withIds({ turn: mine.id }, () => work(ctx, desk, mine, inWork, patience.signal)),
      due: () => nextDue(ctx),
    });
    ctx.work({
      name: 'presses',
      queue: 'press',
      look: async () => (await ctx.store.read(press.next))[0],
      act: (pressed) => decide(ctx, pressed, inWork),
    });
    ctx.work({
      name: 'summaries',
      halts: true,
      async look() {
        const [conversation] = desk.grown;
        if (conversation !== undefined) desk.grown.delete(conversation);
        return conversation;
      },
      act: (conversation) => compact(ctx, desk.ask, conversation, ctx.signal),
    });
    ctx.work(tasks(ctx));
    ctx.every('check-up', CHECK_UP_ms, () => checkUp(ctx));
  },
});

/** The next turn: one that has waited long enough, or a new one for the oldest message. */
async function claim(ctx: Core, desk: Desk): Promise<turn.Turn | undefined> {
  const now = ctx.clock.now();
  const lease = { owner: ctx.instance, boot_id: ctx.boot_id, now, until_at: now + LEASE_ms };
  if ((await ctx.store.read(turn.due(now))).length > 0) {
    const [[resumed]] = await ctx.store.commit([turn.resume(lease)]);
    if (resumed) return resumed;
  }
  if ((await ctx.store.read(inbound.waiting(now))).length === 0) return undefined;
  const id = uuid(now);
  const owners = await desk.owners();
  const [[opened]] = await ctx.store.commit([
    turn.open(id, lease),
    inbound.take(id, MOST_MESSAGES),
    message.heard(id, 1, owners),
  ]);
  return opened;
}

async function nextDue(ctx: Core): Promise<number | null> {
  const [[waiting], [gathering]] = await Promise.all([
    ctx.store.read(turn.nextDue),
    ctx.store.read(inbound.nextReady(ctx.clock.now())),
  ]);
  const due = [waiting?.due_at, gathering?.ready_at].filter((at) => typeof at === 'number');
  return due.length > 0 ? Math.min(...due) : null;
}

/** Works on the turn until it ends, rests, waits, or turns out to be somebody else's. */
async function work(
  ctx: Core,
  desk: Desk,
  mine: turn.Turn,
  inWork: InWork,
  patience: AbortSignal,
): Promise<void> {
  if (mine.conversation === CANARY) return answerCanary(ctx, mine);
  ctx.log.info('turn.begun', { attempt: mine.attempt, conversation: mine.conversation });
  const ended = new AbortController();
  inWork.set(mine.id, ended);
  const renewal = setInterval(() => {
    ctx.store.commit([turn.renew(mine, ctx.clock.now() + LEASE_ms)]).catch((error) => {
      if (error instanceof Fenced) ended.abort(error);
      else ctx.log.warn('lease.unrenewed', { error });
    });
  }, LEASE_ms / 3);
  try {
    if (mine.crashes >= MOST_CRASHES) {
      const what = `I have died over this message ${mine.crashes} times`;
      await escalate(ctx, mine, `${what}, so I leave it to you.`, what);
    } else await attempt(ctx, desk, mine, AbortSignal.any([patience, ended.signal]));
  } catch (error) {
    if (error instanceof Fenced) ctx.log.warn('turn.fenced', { error });
    // A turn that stayed in living hands would be taken up by nobody.
    else await failed(ctx, mine, error).catch(fenced(ctx));
  } finally {
    inWork.delete(mine.id);
    clearInterval(renewal);
  }
}

/** Whoever stopped the turn meanwhile has had the last word. */
function fenced(ctx: Core): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof Fenced)) throw error;
    ctx.log.warn('turn.fenced', { error });
  };
}

/** No answer: wait and say so once, or give up and say why. A drain, or a halt, is nobody's failure. */
async function failed(ctx: Core, mine: turn.Turn, error: unknown): Promise<void> {
  const now = ctx.clock.now();
  if (ctx.signal.aborted || ctx.halt.on()) {
    await ctx.persist([
      turn.wait(mine, { now, due_at: now, because: 'drain', told: false, error: 'put down' }),
    ]);
    return;
  }
  const verdict = verdictOn(mine, diagnose(error), now);
  if (verdict.do === 'give up') {
    ctx.log.error('turn.rejected', { error });
    return end(ctx, mine, 0, { state: 'dead', text: verdict.tell, action: 'give up' });
  }
  // Of a job nobody waits for the answer, and its next time comes: whoever set it up hears why there was none.
  if (
    slot.idOf(mine.conversation) !== null &&
    (verdict.do === 'escalate' || verdict.do === 'ask the sender')
  ) {
    ctx.log.warn('job.refused', { error });
    return end(ctx, mine, 0, { state: 'dead', text: verdict.error, action: 'give up' });
  }
  if (verdict.do === 'escalate') {
    ctx.log.error('turn.escalated', { error });
    return escalate(ctx, mine, verdict.tell, verdict.error);
  }
  if (verdict.do === 'ask the sender') {
    const { spend_id, due_at } = verdict;
    ctx.log.warn('turn.refused', { error, spend_id, wait_ms: due_at - now });
    const { text, buttons } = questionOf(mine, verdict, mine.alias ?? ctx.shared.model.name);
    await ctx.persist([
      turn.refused(mine, { now, due_at, spend_id, error: verdict.error }),
      ...reply(mine, 'notice', text, now, { key: `refused:${mine.id}:${mine.attempt}`, buttons }),
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
    ...(verdict.tell === null ? [] : reply(mine, 'notice', verdict.tell, now)),
  ]);
}

/** Only a person can say whether it is worth more. */
async function escalate(ctx: Core, mine: turn.Turn, text: string, error: string): Promise<void> {
  const now = ctx.clock.now();
  const more = { key: `held:${mine.id}:${mine.attempt}`, buttons: heldButtons(mine) };
  const how = mine.channel === 'terminal' ? `\nscripts/vigil retry ${mine.id} tries again.` : '';
  await ctx.persist([
    turn.hold(mine, { now, error }),
    decided(ctx, mine, 0, { action: 'escalate' }, JSON.stringify({ error })).op,
    draft.close(mine.id, now),
    ...reply(mine, 'notice', `${text}${how}`, now, more),
    incident.open({ cause: `turn ${mine.id}`, service: 'core', severity: 'warning', text, now }),
  ]);
}

/** What was pressed happens, and its sender is told, in one commit. */
async function decide(ctx: Core, pressed: press.Press, inWork: InWork): Promise<void> {
  // One that cannot be decided must not hold up those behind it, /stop among them.
  const decided = await control(ctx, pressed).catch((error) => {
    if (ctx.signal.aborted) throw error;
    ctx.log.error('press.failed', { error });
    return only('failed', `That went wrong: ${messageOf(error)}`);
  });
  try {
    await ctx.persist(unitOf(pressed, decided, ctx.clock.now()));
    if (decided.stopped) inWork.get(decided.stopped)?.abort(new Error('somebody asked for it'));
    ctx.log.info('press.handled', { press: pressed.id, outcome: decided.outcome });
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
