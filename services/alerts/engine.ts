/**
 * Looks at the rules every few seconds. What one finds is a row of `alert`; what fires has an incident, unless somebody
 * else has one of the same cause. The rows are all its memory: killed and started again, it goes on where it was.
 *
 * Right after its start, a sleep of the machine or a jump of the clock nobody is judged: all signs of life are old then.
 */

import * as z from 'zod/mini';
import { readSection } from '#shared/runtime/config.ts';
import type { Context } from '#shared/runtime/context.ts';
import { factsOf } from '#shared/runtime/facts.ts';
import * as alert from '#shared/tables/alert.ts';
import * as incident from '#shared/tables/incident.ts';
import type { Op } from '#shared/tables/op.ts';
import type { Config } from './config.ts';
import { gather, tokensOf } from './facts.ts';
import { judge } from './judge.ts';
import { type Limits, type Rule, rulesOf } from './rules.ts';
import { type Change, causeOf, settle } from './settle.ts';

type Alerts = Context<Config>;

/** As much of the watchdog's section as the two have in common. */
const common = z.looseObject({
  grace_s: z._default(z.number(), 30),
  queue_s: z._default(z.number(), 300),
  memory_percent: z._default(z.number(), 80),
  disk_free_mb: z._default(z.number(), 1024),
});

/** The limits that the config sets, and for how long nobody is judged. */
export function limitsOf(file: string, own: Config): Limits & { grace_s: number } {
  return { ...own, ...readSection(file, 'watchdog', common) };
}

export function rules(ctx: Alerts): void {
  const limits = limitsOf(ctx.home.config, ctx.config);
  // A house that is absent evaluates nothing.
  const declared = rulesOf(limits).filter(({ measure }) => measure.kind !== 'absent');
  const desk: Desk = {
    declared,
    watched_from_at: ctx.clock.now(),
    looked_at: new Map(),
    tokens: { last_day: 0, usual_day: 0, days: 0 },
    unheld: new Map(),
  };
  ctx.onJump(() => {
    desk.watched_from_at = ctx.clock.now();
    desk.looked_at.clear();
  });
  ctx.every('rules', ctx.config.look_s * 1000, async () => {
    if (ctx.clock.now() - desk.watched_from_at >= limits.grace_s * 1000) await look(ctx, desk);
  });
}

type Desk = {
  declared: readonly Rule[];
  watched_from_at: number;
  /** When those that are not looked at each time were. */
  looked_at: Map<Rule, number>;
  tokens: { last_day: number; usual_day: number; days: number };
  /** Since when a firing alert has had no open incident: whoever held it has ended it. */
  unheld: Map<number, number>;
};

async function look(ctx: Alerts, desk: Desk): Promise<void> {
  const { store } = ctx;
  const now = ctx.clock.now();
  const due = desk.declared.filter((rule) => isDue(rule, desk.looked_at.get(rule), now));
  const slow = due.filter(({ every_s }) => every_s !== undefined);
  if (slow.length > 0) desk.tokens = await tokensOf(store.read, now);
  for (const rule of slow) desk.looked_at.set(rule, now);
  const window_ms = Math.max(...due.map(({ window_s }) => window_s)) * 1000;
  const facts = await gather(store.read, await factsOf(ctx, desk.watched_from_at), {
    now,
    window_ms,
    tokens: desk.tokens,
  });
  const findings = judge(due, facts);
  const [open, ongoing] = await Promise.all([store.read(alert.open), store.read(incident.ongoing)]);
  const gap_ms = ({ every_s }: Rule) => 3 * Math.max(every_s ?? 0, ctx.config.look_s) * 1000;
  const gone = open.filter(({ rule }) => !desk.declared.some(({ name }) => name === rule));
  const change = settle(open, findings, { now, rules: due, gap_ms, ongoing });
  relink(desk, change, now, ongoing);
  const ops = opsOf({ ...change, gone }, open, now);
  if (ops.length > 0) await store.commit(ops);
  for (const { rule, labels, text } of newlyFiring(change, open))
    ctx.log.warn('alert.fired', { rule, labels, why: text });
  for (const { rule, labels, state } of change.changed)
    if (state === 'resolved') ctx.log.info('alert.resolved', { rule, labels });

  /** Whoever ended its incident knows more than we do, for a while; what still is so after that is told as ours. */
  function relink(desk: Desk, { changed }: Change, now: number, ongoing: readonly incident.Incident[]): void {
    const held = new Set(ongoing.map(({ cause }) => cause));
    for (const row of changed) {
      const before = open.find(({ id }) => id === row.id);
      if (row.state !== 'firing' || before?.state !== 'firing' || held.has(row.cause)) {
        desk.unheld.delete(row.id);
        continue;
      }
      const finding = findings.find(({ rule, text }) => rule.name === row.rule && text === row.text);
      const cause = finding ? causeOf(finding, { now, ongoing }) : row.cause;
      const since_at = desk.unheld.get(row.id) ?? now;
      desk.unheld.set(row.id, since_at);
      const patience_ms = finding ? (finding.rule.window_s + finding.rule.calm_s) * 1000 : Infinity;
      if (held.has(cause) || now - since_at >= patience_ms) {
        row.cause = cause;
        desk.unheld.delete(row.id);
      }
    }
  }
}
