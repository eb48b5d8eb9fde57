/**
 * For tests: what happens in a house over some minutes, told once, for us and for Prometheus; on both sides of each bound of
 * a rule, of its time, its floor, and what it leaves out. And the rule, each time a little wrong.
 */

import type { Labels } from '#shared/metrics/families.ts';
import { familyOf } from '#shared/metrics/families.ts';
import type { Sample } from '#shared/metrics/gauges.ts';
import type { Measure, Rule } from './rules.ts';

export type Call = { model: string; outcome: string; latency_s: number; count: number };

export type Scenario = {
  what: string;
  step_s: number;
  /** null: there is no such series. */
  gauges: { name: Sample['name']; labels: Labels; at(t: number): number | null }[];
  /** Those that end at a step. */
  calls(t: number): Call[];
  /** Tokens used at a step, from the first on. */
  tokens?: { from: number; at(t: number): number };
  checks: { at: number; fires: readonly Labels[] }[];
};

/** When it begins to be so. */
const FROM = 600;
const STEP = 15;
const DAY = 86_400;
const none = () => [];
const never: Pick<Scenario, 'gauges' | 'calls' | 'step_s'> = { gauges: [], calls: none, step_s: STEP };

export function scenariosOf(rule: Rule): Scenario[] {
  const { measure } = rule;
  switch (measure.kind) {
    case 'gauge':
    case 'age':
      return ofGauge(rule, measure);
    case 'share':
      return ofShare(rule, measure);
    case 'quantile':
      return ofQuantile(rule, measure);
    case 'mean':
      return ofMean(rule, measure);
    case 'growth':
      return ofGrowth(rule, measure);
    case 'absent':
      return [
        {
          ...never,
          what: 'there, then gone, then there again',
          gauges: [{ name: measure.of, labels: {}, at: (t) => (t >= FROM && t < FROM + 300 ? null : 1) }],
          checks: edges(rule, FROM + 300, [{}]),
        },
      ];
  }
}

/** It has not lasted, has just lasted; is still held when it is just over, and over when it has stayed away. */
function edges({ for_s, calm_s }: Rule, until: number, fires: readonly Labels[], step = STEP) {
  return [
    { at: FROM + for_s - step, fires: [] },
    { at: FROM + for_s, fires },
    { at: until - step, fires },
    { at: until + calm_s - 2 * step, fires },
    { at: until + calm_s + step, fires: [] },
  ];
}

const always = (rule: Rule, fires: readonly Labels[]) => [{ at: FROM + rule.for_s + 120, fires }];

function ofGauge(rule: Rule, measure: Extract<Measure, { kind: 'gauge' | 'age' }>): Scenario[] {
  const { is, bound, work } = rule;
  const [label] = familyOf(measure.of).labels;
  const where = measure.kind === 'gauge' ? measure.where : undefined;
  const labels: Labels = label === undefined ? {} : { [label]: where?.is ?? 'a' };
  const fires = [labels];
  const whole = 1024;
  const step = rule.unit === 'number' || rule.unit === 'time' || rule.unit === 'bytes' ? 1 : bound / 100;
  const beyond = is === '<' ? bound - step : bound + step;
  const short = is === '<' ? bound + step : bound - step;
  const until = FROM + rule.for_s + 120;
  type Stood = { labels?: Labels; whole?: number; from?: number; until?: number; halted?: number };
  const stood = (value: number, of: Stood = {}): Scenario['gauges'] => {
    const { from = FROM, until: end = Number.POSITIVE_INFINITY } = of;
    const at = (t: number) => (t >= from && t < end ? value : short);
    const per = measure.kind === 'gauge' ? measure.per : undefined;
    const size = of.whole ?? whole;
    const told = (t: number) =>
      measure.kind === 'age' ? t - at(t) : per === undefined ? at(t) : at(t) * (size || 1);
    const own = of.labels ?? labels;
    return [
      { name: measure.of, labels: own, at: told },
      ...(per === undefined ? [] : [{ name: per, labels: own, at: () => size }]),
      ...(work ? [{ name: 'agent_halted' as const, labels: {}, at: () => of.halted ?? 0 }] : []),
    ];
  };
  const scenarios: Scenario[] = [
    {
      ...never,
      what: 'beyond the bound',
      gauges: stood(beyond, { until }),
      checks: edges(rule, until, fires),
    },
    {
      ...never,
      what: 'at the bound',
      gauges: stood(bound),
      checks: always(rule, is === '>=' ? fires : []),
    },
    { ...never, what: 'short of the bound', gauges: stood(short), checks: always(rule, []) },
    {
      ...never,
      what: 'far beyond',
      gauges: stood(bound * (is === '<' ? 0.1 : 10) + step),
      checks: always(rule, fires),
    },
  ];
  if (work) {
    const gauges = stood(beyond, { halted: 1 });
    scenarios.push({ ...never, what: 'while all is halted', gauges, checks: always(rule, []) });
  }
  if (measure.kind === 'gauge' && measure.per !== undefined) {
    const gauges = stood(beyond, { whole: 0 });
    scenarios.push({ ...never, what: 'of nothing at all', gauges, checks: always(rule, []) });
  }
  if (label !== undefined) {
    const other = { [label]: where?.is === undefined ? 'b' : 'other' };
    const quiet = stood(short, { labels: other }).slice(0, 2);
    scenarios.push({
      ...never,
      what: 'one of two',
      gauges: [...stood(beyond), ...quiet.filter(({ name }) => name !== 'agent_halted')],
      checks: always(rule, fires),
    });
  }
  if (label !== undefined && where !== undefined) {
    const left = { [label]: where.not === undefined ? 'other' : where.not.replace('.*', 'x') };
    const gauges = stood(beyond, { labels: left });
    scenarios.push({ ...never, what: 'of what is left out', gauges, checks: always(rule, []) });
  }
  return scenarios;
}

const ok = (count: number, latency_s = 1, model = 'a'): Call => ({ model, outcome: 'ok', latency_s, count });
const bad = (count: number): Call => ({ model: 'a', outcome: 'refused', latency_s: 1, count });

/** The last of them is in the window until then. */
const leaves = (until: number, { window_s }: Rule) => until - STEP + window_s;

function ofShare(rule: Rule, { floor }: Extract<Measure, { kind: 'share' }>): Scenario[] {
  const until = FROM + rule.for_s + 300;
  const hundred = Math.round(rule.bound * 100);
  const burst = (count: number) => (t: number) => (t === FROM ? [bad(count)] : []);
  return [
    {
      ...never,
      what: 'one in a hundred too many',
      calls: (t) => (t >= FROM && t < until ? [bad(hundred + 1), ok(99 - hundred)] : []),
      checks: edges(rule, leaves(until, rule), [{}]),
    },
    {
      ...never,
      what: 'as many as may fail',
      calls: (t) => (t >= FROM ? [bad(hundred), ok(100 - hundred)] : []),
      checks: always(rule, []),
    },
    {
      ...never,
      what: 'all fail, and they are just enough',
      calls: burst(floor),
      checks: edges(rule, leaves(FROM + STEP, rule), [{}]),
    },
    { ...never, what: 'all fail, and they are too few', calls: burst(floor - 1), checks: always(rule, []) },
    {
      ...never,
      what: 'callers go away',
      calls: (t) => (t >= FROM ? [{ ...ok(10), outcome: 'left' }] : []),
      checks: always(rule, []),
    },
  ];
}

function ofQuantile(rule: Rule, { q, floor }: Extract<Measure, { kind: 'quantile' }>): Scenario[] {
  const { bound } = rule;
  const rare = Math.round((1 - q) * 100);
  const until = FROM + rule.for_s + 300;
  const mixed = (slow: number, slow_s: number, rest_s: number) => [ok(slow, slow_s), ok(100 - slow, rest_s)];
  const burst = (count: number) => (t: number) => (t === FROM ? [ok(count, bound + 1)] : []);
  return [
    {
      ...never,
      what: 'one in a hundred too many is too slow',
      calls: (t) => (t >= FROM && t < until ? mixed(rare + 1, bound + 1, bound / 10) : []),
      checks: edges(rule, leaves(until, rule), [{}]),
    },
    {
      ...never,
      what: 'as many are too slow as may be',
      calls: (t) => (t >= FROM ? mixed(rare, bound + 1, bound) : []),
      checks: always(rule, []),
    },
    {
      ...never,
      what: 'all take just as long as they may',
      calls: (t) => (t >= FROM ? mixed(50, bound, bound * 0.6) : []),
      checks: always(rule, []),
    },
    {
      ...never,
      what: 'just enough',
      calls: burst(floor),
      checks: edges(rule, leaves(FROM + STEP, rule), [{}]),
    },
    { ...never, what: 'too few', calls: burst(floor - 1), checks: always(rule, []) },
    {
      ...never,
      what: 'what fails slowly is no slow answer',
      calls: (t) => (t >= FROM ? [{ ...bad(50), latency_s: bound * 2 }, ok(50)] : []),
      checks: always(rule, []),
    },
  ];
}

function ofMean(rule: Rule, { by, floor }: Extract<Measure, { kind: 'mean' }>): Scenario[] {
  const { bound } = rule;
  const fires = [{ [by]: 'a' }];
  const until = FROM + rule.for_s + 300;
  const burst = (count: number) => (t: number) => (t === FROM ? [ok(count, bound + 1)] : []);
  return [
    {
      ...never,
      what: 'one model of two is too slow',
      calls: (t) =>
        t >= FROM && t < until ? [ok(2, bound - 1), ok(2, bound + 1.25), ok(100, bound / 10, 'b')] : [],
      checks: edges(rule, leaves(until, rule), fires),
    },
    {
      ...never,
      what: 'just as slow as it may be',
      calls: (t) => (t >= FROM ? [ok(2, bound - 1), ok(2, bound + 1)] : []),
      checks: always(rule, []),
    },
    {
      ...never,
      what: 'just enough',
      calls: burst(floor),
      checks: edges(rule, leaves(FROM + STEP, rule), fires),
    },
    { ...never, what: 'too few', calls: burst(floor - 1), checks: always(rule, []) },
  ];
}

function ofGrowth(rule: Rule, { floor, days }: Extract<Measure, { kind: 'growth' }>): Scenario[] {
  // Eight days in small steps would take Prometheus minutes.
  const step_s = 3600;
  const { bound } = rule;
  /** So many days as usual, and one more in which so many days' tokens come at once, besides the usual. */
  const burst = (known: number, day: number, times: number, fires: readonly Labels[]): Scenario => {
    const at = (known + 1) * DAY;
    return {
      ...never,
      what: `${known} days of ${day} tokens, then ${times} times as many`,
      step_s,
      tokens: {
        from: 0,
        at: (t) => (t > at ? 0 : (day * step_s) / DAY + (t === at ? day * (times - 1) : 0)),
      },
      checks: [
        { at, fires: [] },
        { at: at + step_s, fires },
      ],
    };
  };
  const much = 10 * floor;
  return [
    burst(7, much, bound + 0.1, [{}]),
    burst(7, much, bound - 0.1, []),
    burst(7, much, 3 * bound, [{}]),
    burst(days + 0.5, much, bound + 0.1, [{}]),
    burst(days - 0.5, much, 3 * bound, []),
    burst(7, floor / 10, 9.5, []),
    burst(7, floor / 10, 11, [{}]),
    {
      ...never,
      what: 'the first day of use after eight of none',
      step_s,
      tokens: { from: 0, at: (t) => (t === 9 * DAY ? much : 0) },
      checks: [{ at: 9 * DAY + step_s, fires: [] }],
    },
  ];
}

type Mutant = { what: string; rule: Rule };

/** The rule with one thing about it changed. */
export function mutantsOf(rule: Rule): Mutant[] {
  const { measure, bound, for_s, calm_s, window_s, is, work } = rule;
  const mutants: (Mutant | false)[] = [
    with_('a higher bound', { bound: bound === 0 ? 1 : bound * 1.5 }),
    with_('a lower bound', { bound: bound === 0 ? -1 : bound * 0.5 }),
    with_('no time', for_s > 0 && { for_s: 0 }),
    with_('a longer time', { for_s: for_s + 7200 }),
    // A rule that is looked at every five minutes is over at its next look.
    with_('no calm', rule.every_s === undefined && { calm_s: 0 }),
    with_('thrice the calm', rule.every_s === undefined && { calm_s: calm_s * 3 }),
    // An average of days is never just so.
    with_('also at the bound', is === '>' && measure.kind !== 'growth' && { is: '>=' }),
    with_('not at the bound', is === '>=' && { is: '>' }),
    with_('the other way round', { is: is === '<' ? '>' : '<' }),
    with_('also while halted', work === true && { work: false }),
  ];
  if ('floor' in measure) {
    mutants.push(of_('a higher floor', { ...measure, floor: measure.floor * 1.1 }));
    mutants.push(
      of_('a lower floor', { ...measure, floor: Math.min(measure.floor - 1, measure.floor * 0.94) }),
    );
  }
  if (measure.kind === 'share' || measure.kind === 'quantile' || measure.kind === 'mean') {
    mutants.push(with_('twice the window', { window_s: window_s * 2 }));
    mutants.push(with_('half the window', { window_s: window_s / 2 }));
  }
  if (measure.kind === 'share') mutants.push(of_('less is good', { ...measure, good: ['ok'] }));
  if (measure.kind === 'quantile') {
    mutants.push(
      of_('a lower quantile', { ...measure, q: 0.9 }),
      of_('a higher quantile', { ...measure, q: 0.99 }),
    );
  }
  if (measure.kind === 'growth') {
    mutants.push(of_('more days', { ...measure, days: measure.days * 2 }));
    mutants.push(of_('fewer days', { ...measure, days: measure.days / 2 }));
  }
  if (measure.kind === 'gauge' && measure.where) {
    const { where: _, ...rest } = measure;
    mutants.push(of_('of all labels', rest));
  }
  if (measure.kind === 'gauge' && measure.per) {
    const { per: _, ...rest } = measure;
    mutants.push(of_('not as a share', rest));
  }
  if (measure.kind === 'absent') {
    // Only its times can be wrong.
    return mutants.filter((mutant) => mutant !== false && /time|calm/.test(mutant.what)) as Mutant[];
  }
  return mutants.filter((mutant) => mutant !== false);

  function with_(what: string, change: Partial<Rule> | false): Mutant | false {
    return change && { what, rule: { ...rule, ...change } };
  }

  function of_(what: string, changed: Measure): Mutant {
    return { what, rule: { ...rule, measure: changed } };
  }
}
