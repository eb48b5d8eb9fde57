/**
 * Looks at the rules every few seconds. What one finds is a row of `alert`; what fires has an incident, unless somebody
 * else has one of the same cause. The rows are all its memory: killed and started again, it goes on where it was.
 *
 * Right after its start, a sleep of the machine or a jump of the clock nobody is judged: all signs of life are old then.
 */

import { SET_BACK_ms } from '#shared/base/clock.ts';
import type { Context } from '#shared/runtime/context.ts';
import { factsOf } from '#shared/runtime/facts.ts';
import * as alert from '#shared/tables/alert.ts';
import * as incident from '#shared/tables/incident.ts';
import type { Op } from '#shared/tables/op.ts';
import type { Config } from './config.ts';
import { gather, tokensOf } from './facts.ts';
import { type Facts, judge } from './judge.ts';
import { limitsOf } from './limits.ts';
import type { Rounds } from './ping.ts';
import { type Rule, rulesOf } from './rules.ts';
import { type Change, settle } from './settle.ts';

type Ctx = Context<Config>;

export function rules(ctx: Ctx, rounds: Rounds): void {
  const limits = limitsOf(ctx.home.config, ctx.config);
  // A house that is absent evaluates nothing.
  const declared = rulesOf(limits).filter(({ measure }) => measure.kind !== 'absent');
  const grace_ms = limits.grace_s * 1000;
  const desk: Desk = {
    declared,
    judges_from_at: ctx.clock.now() + grace_ms,
    jumped_at: 0,
    looked_at: new Map(),
    tokens: { last_day: 0, usual_day: 0, days: 0 },
  };
  ctx.onJump(() => {
    desk.jumped_at = ctx.clock.now();
    desk.judges_from_at = desk.jumped_at + grace_ms;
    desk.looked_at.clear();
  });
  rounds.set('rules', ctx.clock.mono());
  ctx.every('rules', ctx.config.look_s * 1000, async () => {
    if (ctx.clock.now() >= desk.judges_from_at) await look(ctx, desk);
    rounds.set('rules', ctx.clock.mono());
  });
}

type Desk = {
  declared: readonly Rule[];
  judges_from_at: number;
  /** When the machine woke last, or its clock was set; 0: not since the start. */
  jumped_at: number;
  /** When those that are not looked at each time were. */
  looked_at: Map<Rule, number>;
  tokens: Facts['tokens'];
};

async function look(ctx: Ctx, desk: Desk): Promise<void> {
  const { store, clock } = ctx;
  const now = clock.now();
  const due = desk.declared.filter((rule) => isDue(rule, desk.looked_at.get(rule), now));
  if (due.some(({ measure }) => measure.kind === 'growth')) desk.tokens = await tokensOf(store.read, now);
  for (const rule of due) desk.looked_at.set(rule, now);
  const of_late_ms = Math.max(...desk.declared.map(({ window_s, calm_s }) => window_s + calm_s)) * 1000;
  const [facts, open, ongoing, ended] = await Promise.all([
    gather(store.read, await factsOf(ctx, desk.jumped_at), {
      now,
      window_ms: of_late_ms,
      tokens: desk.tokens,
    }),
    store.read(alert.open),
    store.read(incident.ongoing),
    store.read(incident.endedBetween(now - of_late_ms, now + SET_BACK_ms)),
  ]);
  const change = settle(open, judge(due, facts), {
    now,
    rules: desk.declared,
    due: new Set(due),
    gap_ms: ({ every_s = 0 }) => 3 * Math.max(every_s, ctx.config.look_s) * 1000,
    ongoing,
    ended,
  });
  const ops = opsOf(change, now);
  if (ops.length > 0) await store.commit(ops);
  for (const { cause, text } of change.opened) ctx.log.warn('alert.fired', { cause, why: text });
  for (const { rule, labels, state } of change.changed) {
    if (state === 'resolved') ctx.log.info('alert.resolved', { rule, labels });
  }
}

function isDue({ every_s = 0 }: Rule, looked_at: number | undefined, now: number): boolean {
  return looked_at === undefined || now < looked_at || now - looked_at >= every_s * 1000;
}

/** One unit: what fires, and the incident by which it is told. */
function opsOf({ begun, changed, dropped, opened, closed }: Change, now: number): Op[] {
  return [
    ...begun.map(alert.begin),
    ...changed.map(alert.become),
    ...dropped.map(({ id }) => alert.drop(id)),
    ...opened.map((one) => incident.open({ ...one, service: 'alerts', now })),
    ...closed.map((cause) => incident.close(cause, 'alerts', now)),
  ];
}
