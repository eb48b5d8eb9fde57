/**
 * The sampled check: some of the answers are held against their own sources by the fast tier. Which, their turns' names
 * decide. Each goes from one step to the next in one commit; whoever dies between two does the last one again, under the
 * same name: the router gives what it has, and nothing is paid for twice. It waits while all is halted, while no budget has
 * room, and while no model is there.
 */

import { createHash } from 'node:crypto';
import { messageOf } from '#shared/base/errors.ts';
import { httpFetch } from '#shared/base/fetch.ts';
import { dayBefore } from '#shared/base/period.ts';
import type { Context } from '#shared/runtime/context.ts';
import { socketOf } from '#shared/runtime/home.ts';
import { Fenced } from '#shared/store/store.ts';
import * as answer_check from '#shared/tables/answer_check.ts';
import * as quality from '#shared/tables/quality.ts';
import type { Config } from '../config.ts';
import { onStatus, questionOf, verdictIn } from './question.ts';
import { sourcesOf } from './sources.ts';

type Check = answer_check.AnswerCheck;
type Ctx = Pick<
  Context<Config>,
  'store' | 'clock' | 'config' | 'home' | 'signal' | 'log' | 'persist' | 'work'
>;

const DAY_ms = 86_400_000;
/** For as long as its sources are surely there, and it is of interest. */
const LONGEST_WAIT_ms = 3 * DAY_ms;
/** So many answers are looked through at once. */
const PAGE = 200;
/** An answer of no use is asked for once more. */
const MOST_ATTEMPTS = 2;

export function checks(ctx: Ctx): void {
  const { store, clock, config } = ctx;
  // After a restart the last day is looked through again: what is planned is there once.
  let after = { at: clock.now() - DAY_ms, id: '' };
  const ask = httpFetch({ socketPath: socketOf(ctx.home, 'router') });

  ctx.work<{ check: Check } | { sampled: Awaited<ReturnType<typeof page>> }>({
    name: 'checks of answers',
    idle_ms: 30_000,
    halts: true,
    async look() {
      const [check] = await store.read(answer_check.next);
      if (check && dueAt(check, clock.now()) <= clock.now()) return { check };
      const sampled = config.check_share > 0 ? await page() : [];
      return sampled.length > 0 ? { sampled } : null;
    },
    async act(piece) {
      if ('check' in piece) return act(ctx, piece.check, ask);
      const { sampled } = piece;
      const now = clock.now();
      const plans = sampled.filter(({ id }) => isChosen(id, config.check_share));
      if (plans.length > 0)
        await store.commit(plans.map(({ id, model }) => answer_check.plan(id, model, now)));
      after = sampled.at(-1) ?? after;
    },
    async due() {
      const [check] = await store.read(answer_check.next);
      return check ? dueAt(check, clock.now()) : null;
    },
  });

  const page = () => store.read(quality.answered(after, PAGE));
}

/** The same every time. */
export function isChosen(turn_id: string, share: number): boolean {
  return createHash('sha256').update(turn_id).digest().readUInt32BE(0) < share * 2 ** 32;
}

/** What is put off for longer than anything is was put off before the clock was set back. */
const dueAt = ({ due_at }: Check, now: number) => (due_at > now + LONGEST_WAIT_ms ? now : due_at);

async function act(ctx: Ctx, check: Check, ask: typeof fetch): Promise<void> {
  try {
    await follow(ctx, check, ask);
  } catch (error) {
    if (!(error instanceof Fenced)) throw error;
    // It was forgotten while it was asked: nothing of the reply is kept, and whoever forgets waits for its end.
    const [now] = await ctx.store.read(answer_check.ofTurn(check.turn_id));
    if (now?.state === 'asked' && now.step === '') await follow(ctx, now, ask);
  }
}

/** Asks, or asks again under the step of before. */
async function follow(ctx: Ctx, check: Check, ask: typeof fetch): Promise<void> {
  const { store, clock, persist } = ctx;
  const problem = whyNot(ctx, check);
  if (problem !== null) return skip(ctx, check, problem);
  const sources = await sourcesOf(store.read, check.turn_id);
  if ('unfit' in sources) return skip(ctx, check, sources.unfit);
  if (check.state === 'asked') return settle(ctx, check, await replyTo(ctx, ask, check.step, sources.told));
  const attempts = check.attempts + 1;
  const asked = { ...check, attempts, step: `check:${check.turn_id}:${attempts}` };
  await persist([answer_check.ask(check.turn_id, asked.step, clock.now())]);
  await settle(ctx, asked, await replyTo(ctx, ask, asked.step, sources.told));
}

/** What is asked already is paid for. */
function whyNot({ config, clock }: Ctx, { state, step, at }: Check): string | null {
  if (state === 'asked') return step === '' ? 'forgotten' : null;
  if (config.check_share === 0) return 'switched off';
  return clock.now() - at > LONGEST_WAIT_ms ? 'it waited too long' : null;
}

async function skip({ persist, clock }: Ctx, check: Check, problem: string): Promise<void> {
  await persist([answer_check.end(check, { state: 'skipped', problem, now: clock.now() })]);
}

async function settle(ctx: Ctx, check: Check, reply: Reply): Promise<void> {
  const { persist, log } = ctx;
  if (ctx.signal.aborted) return;
  const { turn_id: turn } = check;
  const now = ctx.clock.now();
  if (reply.target?.startsWith('rehearsal/')) return skip(ctx, check, 'there is no model but the rehearsal');
  const answered = reply.status === 200;
  const verdict = answered ? verdictIn(reply.body) : null;
  if (verdict) {
    log.info('check.done', { turn, verdict: verdict.verdict });
    return void (await persist([answer_check.end(check, { state: 'done', ...verdict, now })]));
  }
  const problem = answered ? 'its reply is not of the form that was asked for' : brief(reply.body);
  const { kind, again_at: due_at } = answered
    ? { kind: 'useless', again_at: now }
    : onStatus(reply.status, reply.retry_after, now, dayBefore(now, -1).starts_at);
  log.warn('check.unanswered', { turn, kind, problem });
  if (kind === 'unheard') await persist([answer_check.askAgain(check, due_at)]);
  else if (kind === 'useless' && check.attempts >= MOST_ATTEMPTS)
    await persist([answer_check.end(check, { state: 'failed', problem, now })]);
  else if (kind === 'useless') await persist([answer_check.again(check, { due_at, problem, unpaid: false })]);
  else
    await persist([
      answer_check.again(check, { due_at, problem, unpaid: true }),
      answer_check.putOff(due_at, problem),
    ]);
}

type Reply = { status: number | null; body: string; target: string | null; retry_after: string | null };

/** Without the SDK: this service would be heavier by all of it. */
async function replyTo(
  { config, signal }: Ctx,
  ask: typeof fetch,
  step: string,
  told: string,
): Promise<Reply> {
  try {
    const response = await ask('http://router/v1/messages', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'anthropic-version': '2023-06-01',
        'x-vigil-service': 'metrics',
        'x-vigil-conversation': 'metrics',
        'x-vigil-task': 'check',
        'x-vigil-unasked': '1',
        'x-vigil-day-usd': String(config.check_usd_day),
        'x-vigil-step': step,
      },
      body: questionOf(told),
      // Nothing is under way any more once its lease is over, and it is asked again.
      signal: AbortSignal.any([signal, AbortSignal.timeout(answer_check.LEASE_ms - 5000)]),
    });
    const { status, headers } = response;
    const body = await response.text();
    return { status, body, target: headers.get('x-vigil-target'), retry_after: headers.get('retry-after') };
  } catch (error) {
    return { status: null, body: messageOf(error), target: null, retry_after: null };
  }
}

const brief = (why: string) => why.replace(/\s+/g, ' ').slice(0, 300);
