/**
 * The rules in Prometheus' words, for those who have one: made from the declaration, committed in `prometheus/`, and proved
 * against our own look at the same house. With them a scrape and an Alertmanager that fit.
 */

import type { Labels } from '#shared/metrics/families.ts';
import { usual } from './limits.ts';
import { type Rule, rulesOf } from './rules.ts';

const NOTE = '# Generated from services/alerts/rules.ts by scripts/generate.ts.\n';

/** @param port where `/metrics` is */
export function prometheusFiles(port: number): { path: string; text: string }[] {
  const texts = {
    'rules.yml': rulesText(rulesOf(usual)),
    'scrape.yml': scrapeText({ metrics: `127.0.0.1:${port}` }),
    'alertmanager.yml': alertmanagerText(),
  };
  return Object.entries(texts).map(([name, text]) => ({ path: `prometheus/${name}`, text: NOTE + text }));
}

/** Those that are looked at now and then are a group of their own. `bare`: without words. */
export function rulesText(rules: readonly Rule[], { bare = false } = {}): string {
  const groups = Map.groupBy(rules, ({ every_s }) => every_s);
  return [
    'groups:',
    ...[...groups].flatMap(([every_s, group]) => [
      `- name: vigil${every_s === undefined ? '' : ' now and then'}`,
      ...(every_s === undefined ? [] : [`  interval: ${duration(every_s)}`]),
      '  rules:',
      ...group.flatMap((rule) => ruleLines(rule, bare)),
    ]),
    '',
  ].join('\n');
}

function ruleLines(rule: Rule, bare: boolean): string[] {
  const { name, for_s, calm_s, severity, text, cure } = rule;
  const [title = ''] = text.split(/[:.]/, 1);
  return [
    `  - alert: ${name}`,
    `    expr: ${quoted(exprOf(rule))}`,
    ...(for_s > 0 ? [`    for: ${duration(for_s)}`] : []),
    ...(calm_s > 0 ? [`    keep_firing_for: ${duration(calm_s)}`] : []),
    `    labels: { severity: ${severity} }`,
    ...(bare
      ? []
      : [
          '    annotations:',
          `      summary: ${quoted(filled(rule, title))}`,
          `      description: ${quoted(filled(rule, text))}`,
          `      runbook: ${quoted(filled(rule, cure))}`,
        ]),
  ];
}

function filled(rule: Rule, text: string): string {
  const words: Labels = { value: VALUE[rule.unit], window: duration(rule.window_s) };
  return text.replace(/\{(\w+)\}/g, (_, name: string) => words[name] ?? `{{ $labels.${name} }}`);
}

const VALUE: Record<Rule['unit'], string> = {
  percent: '{{ $value | humanizePercentage }}',
  time: '{{ $value | humanizeDuration }}',
  bytes: '{{ $value | humanize1024 }}B',
  times: '{{ printf "%.1f" $value }}',
  number: '{{ $value }}',
};

/** The measure against its bound; what else must be so stands behind it, so that the value is the measure's. */
function exprOf(rule: Rule): string {
  const [value, ...conditions] = measureOf(rule);
  const rest = conditions.map((condition) => ` and ${condition}`).join('');
  const work = rule.work ? ' and on () agent_halted == 0' : '';
  if (rule.measure.kind === 'absent') return `${value}${rest}`;
  return `${value} ${rule.is} ${rule.bound}${rest}${work}`;
}

function measureOf({ measure, window_s }: Rule): string[] {
  const window = duration(window_s);
  switch (measure.kind) {
    case 'gauge': {
      const { of, where, per } = measure;
      const chosen = of + matchers(where);
      return [per === undefined ? chosen : `${chosen} / (${per} > 0)`];
    }
    case 'age':
      return [`time() - ${measure.of}`];
    case 'share': {
      const { of, label, good, floor } = measure;
      const all = `sum(increase(${of}[${window}]))`;
      const bad = `sum(increase(${of}{${label}!~${quoted(good.join('|'))}}[${window}]))`;
      return [`${bad} / ${all}`, `${all} >= ${floor}`];
    }
    case 'quantile': {
      const { of, q, floor } = measure;
      return [
        `histogram_quantile(${q}, sum by (le) (increase(${of}_bucket[${window}])))`,
        `sum(increase(${of}_count[${window}])) >= ${floor}`,
      ];
    }
    case 'mean': {
      const { of, by, floor } = measure;
      const sum = (what: string) => `sum by (${by}) (increase(${of}_${what}[${window}]))`;
      return [`${sum('sum')} / ${sum('count')}`, `${sum('count')} >= ${floor}`];
    }
    case 'growth': {
      const { of, days, floor } = measure;
      const known = `count_over_time(sum(${of})[7d:1h] offset 1d)`;
      const lastDay = `sum(increase(${of}[1d]))`;
      const usualDay = `(sum(increase(${of}[7d] offset 1d)) / (${known} / 24) > 0)`;
      return [`${lastDay} / ${usualDay}`, `${lastDay} >= ${floor}`, `${known} >= ${days * 24}`];
    }
    case 'absent':
      return [`absent(${measure.of})`];
  }
}

function matchers(where: { label: string; is?: string; not?: string } | undefined): string {
  if (where === undefined) return '';
  const { label, is, not } = where;
  const all = [
    ...(is === undefined ? [] : [`${label}=~${quoted(is)}`]),
    ...(not === undefined ? [] : [`${label}!~${quoted(not)}`]),
  ];
  return `{${all.join(', ')}}`;
}

/** A Prometheus for this machine's own `/metrics`. */
export function scrapeText(of: { metrics: string; alertmanager?: string; every?: string }): string {
  const { metrics, alertmanager = '127.0.0.1:9093', every = '15s' } = of;
  return `global:
  scrape_interval: ${every}
  evaluation_interval: ${every}
rule_files: [rules.yml]
alerting:
  alertmanagers:
  - static_configs: [{ targets: ["${alertmanager}"] }]
scrape_configs:
- job_name: vigil
  static_configs: [{ targets: ["${metrics}"] }]
`;
}

export function alertmanagerText({ webhook = 'http://127.0.0.1:9095/', wait = '10s' } = {}): string {
  return `route:
  receiver: owner
  group_by: [alertname]
  group_wait: ${wait}
  group_interval: ${wait}
  repeat_interval: 12h
receivers:
- name: owner
  webhook_configs: [{ url: "${webhook}", send_resolved: true }]
`;
}

function duration(s: number): string {
  if (!Number.isInteger(s)) return `${Math.round(s * 1000)}ms`;
  if (s % 60 !== 0 || s === 0) return `${s}s`;
  return s % 3600 === 0 ? `${s / 3600}h` : `${s / 60}m`;
}

/** A text in PromQL, and in YAML. */
const quoted = (text: string) => JSON.stringify(text);
