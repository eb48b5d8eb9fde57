/**
 * Holds the rules against what is there: facts in, findings out. Pure. Shares, quantiles and means are of the calls
 * themselves, and so exact, where Prometheus has buckets.
 */

import type { Labels } from '#shared/metrics/families.ts';
import type { Sample } from '#shared/metrics/gauges.ts';
import type { Measure, Rule } from './rules.ts';
import { textOf } from './words.ts';

/** A model call that has ended. */
export type Ended = {
  model: string;
  closed_at: number;
  outcome: string;
  /** null: it is none of those whose time is counted. */
  latency_ms: number | null;
  first_token_ms: number | null;
};

export type Facts = {
  now: number;
  halted: boolean;
  gauges: readonly Pick<Sample, 'name' | 'labels' | 'value'>[];
  /** Those of the longest window, at least. */
  calls: readonly Ended[];
  /** Tokens of the last day, and of an average day of the week before, of which so many days are known. */
  tokens: { last_day: number; usual_day: number; days: number };
};

export type Finding = {
  rule: Rule;
  labels: Labels;
  value: number;
  text: string;
};

export function judge(rules: readonly Rule[], facts: Facts): Finding[] {
  return rules.flatMap((rule) =>
    rule.work && facts.halted
      ? []
      : measured(rule, facts)
          .filter(({ value }) => holds(rule, value))
          .map(({ labels, value, of }) => ({
            rule,
            labels,
            value,
            text: textOf(rule, { labels, value, of }),
          })),
  );
}

type Measured = { labels: Labels; value: number; of?: string };

function holds({ is, bound }: Rule, value: number): boolean {
  if (is === '<') return value < bound;
  return is === '>' ? value > bound : value >= bound;
}

function measured({ measure, window_s }: Rule, facts: Facts): Measured[] {
  switch (measure.kind) {
    case 'gauge':
      return ofGauge(measure, facts);
    case 'age':
      return facts.gauges
        .filter(({ name }) => name === measure.of)
        .map(({ labels, value }) => ({ labels, value: facts.now / 1000 - value }));
    case 'growth': {
      const { last_day, usual_day, days } = facts.tokens;
      // After a week of nothing no day is a usual one.
      if (days < measure.days || last_day < measure.floor || usual_day === 0) return [];
      return [{ labels: {}, value: last_day / usual_day }];
    }
    case 'absent':
      return [];
    default:
      return ofCalls(measure, since(facts, window_s));
  }
}

function since({ calls, now }: Facts, window_s: number): Ended[] {
  return calls.filter(({ closed_at }) => closed_at > now - window_s * 1000 && closed_at <= now);
}

function ofGauge({ of, where, per }: Extract<Measure, { kind: 'gauge' }>, { gauges }: Facts): Measured[] {
  return gauges
    .filter(({ name, labels }) => name === of && fits(labels, where))
    .flatMap(({ labels, value }) => {
      if (per === undefined) return [{ labels, value }];
      const whole = gauges.find((other) => other.name === per && same(other.labels, labels))?.value ?? 0;
      return whole > 0 ? [{ labels, value: value / whole }] : [];
    });
}

function ofCalls(
  measure: Extract<Measure, { kind: 'share' | 'quantile' | 'mean' }>,
  calls: readonly Ended[],
): Measured[] {
  if (measure.kind === 'share') {
    const bad = calls.filter(({ outcome }) => !measure.good.includes(outcome)).length;
    if (calls.length < measure.floor) return [];
    return [{ labels: {}, value: bad / calls.length, of: `${bad} of ${calls.length}` }];
  }
  const timed = calls.flatMap((call) => {
    const ms = measure.of === 'agent_time_to_first_token_seconds' ? call.first_token_ms : call.latency_ms;
    return ms === null ? [] : [{ model: call.model, s: ms / 1000 }];
  });
  if (measure.kind === 'quantile') {
    const sorted = timed.map(({ s }) => s).toSorted((a, b) => a - b);
    const value = sorted[Math.ceil(measure.q * sorted.length) - 1];
    if (value === undefined || sorted.length < measure.floor) return [];
    return [{ labels: {}, value, of: `of ${sorted.length}` }];
  }
  return [...Map.groupBy(timed, ({ model }) => model)]
    .filter(([, of]) => of.length >= measure.floor)
    .map(([model, of]) => ({
      labels: { [measure.by]: model },
      value: of.reduce((sum, { s }) => sum + s, 0) / of.length,
      of: `of ${of.length}`,
    }));
}

function fits(labels: Labels, where: Extract<Measure, { kind: 'gauge' }>['where']): boolean {
  if (where === undefined) return true;
  const is = (pattern: string) => new RegExp(`^(${pattern})$`).test(labels[where.label] ?? '');
  return (where.is === undefined || is(where.is)) && (where.not === undefined || !is(where.not));
}

const same = (a: Labels, b: Labels) => labelsText(a) === labelsText(b);

/** The same labels are the same text. */
export function labelsText(labels: Labels): string {
  return JSON.stringify(Object.fromEntries(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))));
}
