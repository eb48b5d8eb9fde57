/**
 * Each rule, as we see it and as Prometheus does, over the same minutes: it fires beyond its bound, when it has lasted, and
 * never on this side of it. And each rule, changed a little, is caught by that.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '#shared/base/root.ts';
import { families, familyOf, type Labels } from '#shared/metrics/families.ts';
import { shared } from '#shared/runtime/config.ts';
import type { Alert } from '#shared/tables/alert.ts';
import { scratch } from '#shared/testing/scratch.ts';
import { comparedOf } from './facts.ts';
import { type Ended, judge } from './judge.ts';
import { usual } from './limits.ts';
import { rulesText } from './prometheus.ts';
import { type Rule, rulesOf } from './rules.ts';
import { mutantsOf, type Scenario, scenariosOf } from './scenario.ts';
import { settle } from './settle.ts';

const rules = rulesOf(usual);
const ours = rules.filter(({ measure }) => measure.kind !== 'absent');
const HOUR_ms = 3_600_000;
const none: never[] = [];

/** What fires at each of the scenario's checks. */
function firing(rule: Rule, scenario: Scenario): Labels[][] {
  const { step_s, gauges, calls, tokens, checks } = scenario;
  const ended: Ended[] = [];
  const hours = new Map<number, number>();
  const fired: Labels[][] = [];
  let rows: Alert[] = [];
  for (let t = 0; t <= lastOf(scenario); t += step_s) {
    const now = t * 1000;
    for (const { count, model, outcome, latency_s } of calls(t)) {
      const ms = outcome === 'ok' ? latency_s * 1000 : null;
      for (let nth = 0; nth < count; nth++)
        ended.push({ model, outcome, closed_at: now, latency_ms: ms, first_token_ms: ms });
    }
    const hour_at = now - (now % HOUR_ms);
    if (tokens) hours.set(hour_at, (hours.get(hour_at) ?? 0) + tokens.at(t));
    const among = [...hours].map(([hour_at, tokens]) => ({ hour_at, tokens }));
    const found = judge([rule], {
      now,
      halted: gauges.some(({ name, at }) => name === 'agent_halted' && at(t) === 1),
      gauges: gauges.flatMap(({ name, labels, at }) => {
        const value = at(t);
        return value === null ? [] : [{ name, labels, value }];
      }),
      calls: ended,
      tokens: tokens ? comparedOf(among, 0, now) : { last_day: 0, usual_day: 0, days: 0 },
    });
    const look = { now, rules: [rule], due: new Set([rule]), gap_ms: () => 3 * step_s * 1000 };
    const change = settle(rows, found, { ...look, ongoing: none, ended: none });
    const kept = rows.filter(
      (row) => !change.dropped.includes(row) && !change.changed.some(({ id }) => id === row.id),
    );
    const begun = change.begun.map((row, nth) => ({ ...row, id: t * 10 + nth, resolved_at: null }));
    rows = [...kept, ...change.changed, ...begun].filter(({ state }) => state !== 'resolved');
    if (checks.some(({ at }) => at === t)) {
      fired.push(rows.filter(({ state }) => state === 'firing').map(({ labels }) => JSON.parse(labels)));
    }
  }
  return fired;
}

const lastOf = ({ checks }: Scenario) => Math.max(...checks.map(({ at }) => at));

const wantedOf = ({ checks }: Scenario) => checks.map(({ fires }) => [...fires]);

test('every rule fires beyond its bound, when it has lasted, and never on this side of it', () => {
  for (const rule of ours) {
    for (const scenario of scenariosOf(rule)) {
      assert.deepEqual(firing(rule, scenario), wantedOf(scenario), `${rule.name}: ${scenario.what}`);
    }
  }
});

test('one answer as dear as may be is no alarm, and money that goes on going fast is one before the hour is paid for', () => {
  const rule = ours.find(({ name }) => name === 'AgentCostOverBudget');
  assert.ok(rule);
  const { turn_usd, hour_usd } = shared.budget.parse({});
  const end = 1200;
  const firesOf = (paidAt: (t: number) => number) => {
    const times = Array.from({ length: end / 5 + 1 }, (_, nth) => nth * 5);
    const rate = (now: number) =>
      times.filter((t) => t > now - 600 && t <= now).reduce((sum, t) => sum + 6 * paidAt(t), 0);
    const checks = times.map((at) => ({ at, fires: [] }));
    const gauges = [
      { name: 'agent_cost_estimate_hourly' as const, labels: {}, at: rate },
      { name: 'agent_budget_hourly_usd' as const, labels: {}, at: () => hour_usd },
    ];
    const fired = firing(rule, { what: '', step_s: 5, gauges, calls: () => [], checks });
    const nth = fired.findIndex(({ length }) => length > 0);
    return nth < 0 ? null : nth * 5;
  };
  assert.equal(
    firesOf((t) => (t === 60 ? turn_usd : 0)),
    null,
  );
  const inSteps = (t: number) => (t >= 60 && t < 360 ? turn_usd / 60 : 0);
  assert.equal(firesOf(inSteps), null, 'over five minutes, tools between');
  const perHour = 2.5 * hour_usd;
  const fires_at = firesOf((t) => (t > 0 ? (perHour / 3600) * 5 : 0));
  assert.ok(fires_at !== null && (fires_at * perHour) / 3600 < 0.8 * hour_usd, `${fires_at}`);
});

/** The scenarios in which the wrong rule shows itself to us; all of those of a rule that we have no eyes for. */
function tellTale(rule: Rule, wrong: Rule): Scenario[] {
  return scenariosOf(rule).filter(
    (scenario) =>
      rule.measure.kind === 'absent' ||
      JSON.stringify(firing(wrong, scenario)) !== JSON.stringify(wantedOf(scenario)),
  );
}

test('a rule that is a little wrong is caught', () => {
  const survivors = ours.flatMap((rule) =>
    mutantsOf(rule)
      .filter((mutant) => tellTale(rule, mutant.rule).length === 0)
      .map(({ what }) => `${rule.name}: ${what}`),
  );
  assert.deepEqual(survivors, []);
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
const skip = promtool ? false : 'promtool is not installed';

test('Prometheus takes the files that are made of the rules', { skip }, () => {
  for (const [program, ...args] of [
    ['promtool', 'check', 'rules', 'prometheus/rules.yml'],
    ['promtool', 'check', 'config', 'prometheus/scrape.yml'],
    ['amtool', 'check-config', 'prometheus/alertmanager.yml'],
  ] as const) {
    const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: root, encoding: 'utf8' });
    if (program === 'amtool' && error) continue;
    assert.equal(status, 0, `${stdout}${stderr}`);
  }
});

test('Prometheus finds the same at the same moments, and catches the same wrong rules', { skip }, (t) => {
  const folder = scratch(t);
  const wrong: string[] = [];
  const right: string[] = [];
  for (const rule of rules) {
    right.push(written(folder, rule.name, rule, scenariosOf(rule)));
    for (const mutant of mutantsOf(rule)) {
      const shows = tellTale(rule, mutant.rule).slice(0, 1);
      wrong.push(written(folder, `${rule.name} ${mutant.what}`, mutant.rule, shows));
    }
  }
  const { stdout, stderr } = spawnSync('promtool', ['test', 'rules', ...right], { encoding: 'utf8' });
  assert.equal(stdout.match(/SUCCESS/g)?.length, right.length, `${stdout}${stderr}`.replaceAll(folder, ''));
  const judged = spawnSync('promtool', ['test', 'rules', ...wrong], { encoding: 'utf8' });
  const said = `${judged.stdout}${judged.stderr}`;
  const survivors = [...judged.stdout.matchAll(/Unit Testing: {2}(.*)\n {2}SUCCESS/g)].map(
    ([, file]) => file,
  );
  assert.deepEqual(survivors, []);
  assert.equal(said.match(/FAILED:/g)?.length, wrong.length, said.slice(0, 2000));
});

/** The rule in a file of its own, and its scenarios as Prometheus' unit tests. */
function written(folder: string, name: string, rule: Rule, scenarios: readonly Scenario[]): string {
  const [file, tests] = [join(folder, `${name}.rules.yml`), join(folder, `${name}.yml`)];
  writeFileSync(file, rulesText([rule], { bare: true }));
  const units = scenarios.map((scenario) => ({
    name: scenario.what,
    interval: `${scenario.step_s}s`,
    input_series: seriesOf(scenario),
    alert_rule_test: scenario.checks.map(({ at, fires }) => ({
      eval_time: `${at}s`,
      alertname: rule.name,
      exp_alerts: fires.map((labels) => ({ exp_labels: { severity: rule.severity, ...labels } })),
    })),
  }));
  // JSON is YAML.
  const step = scenarios[0]?.step_s ?? 15;
  writeFileSync(tests, JSON.stringify({ rule_files: [file], evaluation_interval: `${step}s`, tests: units }));
  return tests;
}

function seriesOf(scenario: Scenario): { series: string; values: string }[] {
  const { step_s, gauges, calls, tokens } = scenario;
  const times = Array.from({ length: lastOf(scenario) / step_s + 1 }, (_, nth) => nth * step_s);
  const series = new Map<string, (number | null)[]>();
  for (const { name, labels, at } of gauges) series.set(seriesName(name, labels), times.map(at));
  if (tokens) {
    let sum = 0;
    const values = times.map((t) => (sum += tokens.at(t)));
    series.set(seriesName('agent_tokens_total', { model: 'a', direction: 'input' }), values);
  }
  const told = times.map((t) => calls(t).flatMap(seriesOfCall));
  for (const name of new Set(told.flat().map(([name]) => name))) {
    let sum = 0;
    series.set(
      name,
      told.map((added) => {
        for (const [series, value] of added) if (series === name) sum += value;
        return sum;
      }),
    );
  }
  return [...series].map(([name, values]) => ({ series: name, values: valuesText(values) }));
}

/** What a call adds to the counters. */
function seriesOfCall({ model, outcome, latency_s, count }: ReturnType<Scenario['calls']>[number]) {
  const added: [string, number][] = [
    [seriesName('agent_requests_total', { model, status: outcome }), count],
    [seriesName('agent_requests_total', { model, status: 'ok' }), 0],
  ];
  if (outcome !== 'ok') return added;
  for (const name of ['agent_request_duration_seconds', 'agent_time_to_first_token_seconds'] as const) {
    added.push([seriesName(`${name}_sum`, { model }), count * latency_s]);
    added.push([seriesName(`${name}_count`, { model }), count]);
    for (const le of [...(familyOf(name).buckets ?? []), Number.POSITIVE_INFINITY]) {
      const bucket = { model, le: le === Number.POSITIVE_INFINITY ? '+Inf' : String(le) };
      added.push([seriesName(`${name}_bucket`, bucket), latency_s <= le ? count : 0]);
    }
  }
  return added;
}

const seriesName = (name: string, labels: Labels) =>
  `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    .join(',')}}`;

/** As Prometheus' tests have them: what goes on by the same step is one word. */
function valuesText(values: readonly (number | null)[]): string {
  const words: string[] = [];
  for (let from = 0; from < values.length; ) {
    const [first, second] = [values[from], values[from + 1]];
    if (first === null || first === undefined) {
      words.push('stale');
      from += 1;
      continue;
    }
    const step = (second ?? first) - first;
    let more = 0;
    while (values[from + more + 1] === first + step * (more + 1)) more += 1;
    words.push(more === 0 ? String(first) : `${first}${step < 0 ? '-' : '+'}${Math.abs(step)}x${more}`);
    from += more + 1;
  }
  return words.join(' ');
}

test('what the rules are made of is there, and every word of theirs is filled', () => {
  for (const rule of rules) {
    const { measure } = rule;
    const family = families.find(({ name }) => name === measure.of);
    assert.ok(family, measure.of);
    const known = [...(measure.kind === 'mean' ? [measure.by] : family.labels), 'value', 'window'];
    for (const [, word] of `${rule.text}${rule.cure}`.matchAll(/\{(\w+)\}/g)) {
      assert.ok(known.includes(word ?? ''), `${rule.name}: ${word}`);
    }
    assert.match(rule.text, /^[A-Z{].*\.$/);
  }
  assert.equal(new Set(rules.map(({ name }) => name)).size, rules.length);
});
